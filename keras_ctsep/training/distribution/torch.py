"""One process a device on PyTorch, started by `torchrun`."""

import atexit
import os

import keras


def start():
    """Joins the processes; returns `((process, processes), devices)`."""
    import torch.distributed

    if "WORLD_SIZE" not in os.environ:
        raise ValueError(
            "Expected one process a device on PyTorch: start the program with "
            "torchrun --nproc-per-node=gpu. Received: no WORLD_SIZE"
        )
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group()
        atexit.register(torch.distributed.destroy_process_group)
    num_processes = torch.distributed.get_world_size()
    return (torch.distributed.get_rank(), num_processes), num_processes


def is_started():
    return False


def stop():
    """Does nothing: the processes stay joined until the program ends, for another training."""


def any_process(flag):
    import torch.distributed

    device = "cuda" if torch.cuda.is_available() else "cpu"
    number = torch.tensor(int(flag), device=device)
    torch.distributed.all_reduce(number, torch.distributed.ReduceOp.MAX)
    return bool(number)


def gather(rows, num_processes):
    """Returns a list of the arrays `rows` of all processes."""
    import torch.distributed

    of_processes = [rows] * num_processes
    torch.distributed.all_gather_object(of_processes, rows)
    return of_processes


class EqualProcesses(keras.callbacks.Callback):
    """Keeps processes equal under plain `fit`; `DistributedDataParallel` has no `fit`."""

    def __init__(self, train_data, test_data):
        super().__init__()
        # Not their lengths: that of a resumed epoch is the number of batches that are left of it.
        self._train_data = train_data
        self._test_data = test_data

    def on_train_begin(self, logs=None):
        import torch.distributed

        variables = self.model.variables + self.model.optimizer.variables
        arrays = [keras.ops.convert_to_numpy(variable) for variable in variables]
        torch.distributed.broadcast_object_list(arrays)
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        self._tensors = [variable.value for variable in self.model.trainable_variables]
        self._num_gradients = 0
        self._hooks = [
            tensor.register_post_accumulate_grad_hook(self._count_gradient)
            for tensor in self._tensors
        ]

    def on_train_end(self, logs=None):
        for hook in self._hooks:
            hook.remove()

    def on_train_batch_end(self, batch, logs=None):
        if self._num_gradients:
            raise ValueError(
                f"Expected gradients of all {len(self._tensors)} trainable variables. "
                f"Received: {self._num_gradients}"
            )
        if batch + 1 == len(self._train_data):
            weights = self.model.non_trainable_weights
            _reduce([w.value for w in weights if "float" in w.dtype], average=True)
            self._sum_metrics()

    def on_test_batch_end(self, batch, logs=None):
        if batch + 1 == len(self._test_data):
            self._sum_metrics()

    def _count_gradient(self, tensor):
        # One exchange of all gradients costs much less than one for each.
        self._num_gradients += 1
        if self._num_gradients == len(self._tensors):
            self._num_gradients = 0
            _reduce([tensor.grad for tensor in self._tensors], average=True)

    def _sum_metrics(self):
        # Keras's metrics are quotients of sums over batches.
        _reduce([variable.value for variable in self.model.metrics_variables])


def _reduce(tensors, average=False):
    """Replaces PyTorch tensors by their sum, or average, over all processes."""
    import torch.distributed

    if not tensors:
        return
    with torch.no_grad():
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        torch.distributed.all_reduce(flat)
        if average:
            flat /= torch.distributed.get_world_size()
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))
