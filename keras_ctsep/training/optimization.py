"""The learning rate over the steps, and the optimizer."""

import keras


def warmup_cosine(learning_rate, steps, warmup_steps):
    """Learning rate that rises in a line from near 0, and falls along half a cosine to 0.

    Args:
        learning_rate: float, the highest.
        steps: int, all steps of the training.
        warmup_steps: int, the first of them.

    Returns:
        A `keras.optimizers.schedules.CosineDecay`.

    Raises:
        ValueError: for a learning rate of 0 or below, and when no steps follow the first ones.
    """
    if not learning_rate > 0:
        raise ValueError(f"Expected a learning rate above 0. Received: {learning_rate}")
    if not 0 <= warmup_steps < steps:
        raise ValueError(
            "Expected one epoch or more, with steps after the warm-up. "
            f"Received: {steps} steps, {warmup_steps} of them to warm up"
        )
    # Floats throughout: TensorFlow refuses to mix them with ints. CosineDecay counts
    # `decay_steps` after the warm-up.
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=learning_rate / (warmup_steps + 1),
        decay_steps=float(steps - warmup_steps),
        warmup_target=learning_rate if warmup_steps else None,
        warmup_steps=float(warmup_steps),
    )


def make_optimizer(name, learning_rate, weight_decay, ema, variables):
    """Makes an optimizer that decays kernels, but no biases and norms.

    Args:
        name: `"adamw"`, or `"sgd"` for Nesterov momentum 0.9.
        learning_rate: float or schedule.
        weight_decay: float, times the learning rate.
        ema: bool, average the weights over the steps.
        variables: the trainable variables of the model.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        ValueError: for another name, and for a decay below 0.
    """
    if not weight_decay >= 0:
        raise ValueError(f"Expected a weight decay from 0. Received: {weight_decay}")
    shared = {"learning_rate": learning_rate, "weight_decay": weight_decay, "use_ema": ema}
    if name == "adamw":
        optimizer = keras.optimizers.AdamW(**shared)
    elif name == "sgd":
        optimizer = keras.optimizers.SGD(momentum=0.9, nesterov=True, **shared)
    else:
        raise ValueError(f"Expected the optimizer adamw or sgd. Received: {name}")
    vectors = [variable for variable in variables if len(variable.shape) == 1]
    optimizer.exclude_from_weight_decay(var_list=vectors)
    return optimizer
