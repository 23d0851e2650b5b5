"""Arrays into the variables of a model: each finds its place, or the model stays as it is."""


def assign_state(model, state, kinds, as_here, expected, source):
    """Fills a model with the weights of the same network in another package.

    Args:
        model: the model.
        state: dictionary from that package's names to NumPy arrays.
        kinds: the `keras_ctsep.weights.saved_names.SavedNames` that the names may be of.
        as_here: function from an array and the variable that it belongs to, or None, to an array
            with the axes of the variable.
        expected: what the state should be of, for messages.
        source: what to name in messages, such as the path.

    Raises:
        ValueError: when names or shapes of `state` and of the model differ.
    """
    names = next((names for names in kinds if names.sign in state), None)
    if names is None:
        raise ValueError(
            f"{source}: Expected the names of {expected}. Received: {sorted(map(str, state))[:3]}"
        )
    variables = _variables_by_name(model, names, source)
    arrays = {}
    for name, array in state.items():
        variable = variables.get(name)
        array = as_here(array, variable)
        if variable is not None and len(variable.shape) == 2:
            # A classifier that is a convolution over one place there.
            array = array.reshape(array.shape[-2:])
        if variable is not None and variable.name == "moving_variance":
            array = array + names.added_to_variances
        arrays[name] = array
    assign_all(variables, arrays, names.head, names.top, model, source)


def _variables_by_name(model, names, source):
    variables = {}
    for layer in model.layers:
        known = names.of_layer(layer.name, {_place(weight, layer) for weight in layer.weights})
        for variable in layer.weights:
            place = _place(variable, layer)
            if place not in known:
                raise ValueError(
                    f"{source}: {model.name} is not the network of this file, which has the names "
                    f"of {names.networks}. Received: {variable.path}"
                )
            variables[known[place]] = variable
    return variables


def _place(variable, layer):
    return variable.path.rpartition(f"{layer.name}/")[2]


def assign_all(variables, arrays, head, top, model, source):
    """Assigns every variable the array of its name, or raises before the first one is changed.

    Where the head of the file has another number of classes than the model's, the model's is left
    as it starts, and one line says so; where the file has none, the model's whole top. A model
    without a head ignores the file's top.

    Args:
        variables: dictionary from names to the model's variables.
        arrays: dictionary from names to NumPy arrays.
        head: the two names of the classifier's kernel and bias.
        top: what the names of all layers after the features begin with, a str or a tuple of some.
        model: the model, for messages.
        source: what to name in messages, such as the path.

    Raises:
        ValueError: when names or shapes differ.
    """
    bias = head[1]
    saved_classes = len(arrays[bias]) if bias in arrays else 0
    num_classes = variables[bias].shape[0] if bias in variables else 0
    is_half_there = head[0] in arrays and bias not in arrays and num_classes
    if saved_classes != num_classes and not is_half_there:
        left_out = head if saved_classes and num_classes else top
        variables, arrays = (
            {name: value for name, value in which.items() if not name.startswith(left_out)}
            for which in (variables, arrays)
        )
    _require_equal_shapes(variables, arrays, model, source)
    if saved_classes != num_classes and num_classes:
        print(
            f"{source}: the file has {saved_classes} classes, the model {num_classes}: "
            "the classifier starts fresh."
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _require_equal_shapes(variables, arrays, model, source):
    wanted = {name: tuple(variable.shape) for name, variable in variables.items()}
    given = {name: array.shape for name, array in arrays.items()}
    if wanted == given:
        return
    lines = {
        "missing in the file": {n: s for n, s in wanted.items() if n not in given},
        "unknown to the model": {n: s for n, s in given.items() if n not in wanted},
        "of another shape": {
            n: f"{given[n]} for {s}" for n, s in wanted.items() if n in given and given[n] != s
        },
    }
    found = [f"{what}: {_few(which)}" for what, which in lines.items() if which]
    raise ValueError(f"{source}: the weights do not match {model.name}; {'; '.join(found)}")


def _few(which):
    # A file of another network differs in hundreds of weights.
    more = [f"and {len(which) - 3} more"] if len(which) > 3 else []
    return ", ".join([f"{name} {which[name]}" for name in sorted(which)[:3]] + more)
