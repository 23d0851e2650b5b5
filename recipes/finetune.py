"""Fine-tunes published weights on a folder of videos.

    python recipes/finetune.py --data my_videos
    python recipes/finetune.py --data my_videos --model MC3_18 --epochs 20 --train-from stage3

The folder has a folder of videos for each class. First the new classifier is trained alone: its
first gradients are large, and would spoil what the other layers know. Then layers and classifier
are trained together at a small rate. All batch norms keep the statistics, scales and offsets that
came with the weights: batches of a few clips would make worse ones.
"""

from typing import Literal

import keras
import tyro

from keras_ctsep import cpu, training
from keras_ctsep.data import Augmentation, ClipFormat, VideoDataset, read_sides
from keras_ctsep.inference import about_weights
from keras_ctsep.models import freeze_norms, make_network


@training.restored_global_state()
def main(
    *,
    data: str,
    dataset: Literal["ucf101", "hmdb51", "kinetics", "ssv2", "folder", "csv"] = "folder",
    split: int = 1,
    model: str = "X3D_S",
    weights: str = "kinetics400",
    output: str | None = None,
    resume: bool = False,
    classifier_epochs: int = 5,
    classifier_learning_rate: float = 1e-3,
    epochs: int = 10,
    learning_rate: float = 1e-4,
    train_from: str | None = None,
    batch_size: int = 8,
    width: float = 1.0,
    dropout: float = 0.2,
    num_frames: int | None = None,
    crop_size: int | None = None,
    flip: bool = True,
    workers: int = 2,
    cache: str | None = None,
    seed: int = 0,
):
    """Fine-tunes published weights; the folder of the run gets models, history and pictures.

    Args:
        data: folder of the videos.
        dataset: how the videos are labelled.
        split: which split of UCF101 or HMDB51, or the seed of one for a folder.
        model: name of a network in `keras_ctsep.models`.
        weights: name of published weights of that network, or a file or address of weights.
        output: folder of the run, runs/finetune or the next free one if not given.
        resume: continue the run in the output folder, the last one if none is given.
        classifier_epochs: passes over the training videos for the new classifier alone.
        classifier_learning_rate: learning rate of these.
        epochs: passes over the training videos after them.
        learning_rate: highest learning rate of these; a cosine brings it down to 0.
        train_from: beginning of the name of the first layer that is trained then, such as stage3;
            the layers before it stay as they are. All are trained if not given.
        batch_size: clips in a batch.
        width: factor on the number of filters; published weights have 1.
        dropout: rate before the classifier.
        num_frames: frames in a clip, as many as the weights were trained with if not given.
        crop_size: side of the square that the model sees; likewise.
        flip: mirror half of the training clips; not where left and right are classes.
        workers: threads that read videos.
        cache: folder to keep decoded frames in.
        seed: of the classifier, dropout, order and augmentation.

    Returns:
        The results, as from `keras_ctsep.training.fit_and_test`.
    """
    output = training.choose_run_folder(output, "runs/finetune", resume)
    keras.utils.set_random_seed(seed)

    # Videos
    sides = read_sides(dataset, data, split)
    train_videos, test_videos = sides["train"], sides["test"]
    validation_videos = sides.get("val", test_videos)

    # Clips as the weights were trained with
    of_weights = about_weights(model, weights)["clips"]
    clips = ClipFormat.from_dict(of_weights, num_frames=num_frames, crop_size=crop_size)
    batches = {"batch_size": batch_size, "num_threads": workers, "cache": cache, "seed": seed}
    augment = Augmentation(flip=flip)
    train_data = VideoDataset(train_videos, clips=clips, augment=augment, **batches)
    validation_data = VideoDataset(validation_videos, clips=clips, **batches)
    test_data = VideoDataset(test_videos, clips=clips, num_clips=10, **batches)

    # Network
    options = {"weights": weights, "width": width, "dropout": dropout}
    network = make_network(model, len(train_videos.class_names), **options)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)

    # Before long work: what is wrong with them is said at once
    train_layers(network, train_from)
    schedule = training.warmup_cosine(
        learning_rate, steps=len(train_data) * epochs, warmup_steps=len(train_data) // 2
    )

    # The classifier alone
    if classifier_epochs and not (resume and training.has_state(output)):
        train_layers(network, "classifier")
        # A model of its own, because a compiled one that is saved opens on its backend alone.
        head = keras.Model(network.inputs, network.outputs)
        head.compile(keras.optimizers.AdamW(classifier_learning_rate), loss)
        head.fit(train_data, epochs=classifier_epochs, shuffle=False)

    # All layers, or the last ones
    train_layers(network, train_from)
    variables = network.trainable_variables
    optimizer = training.make_optimizer("adamw", schedule, 0.05, False, variables)
    settings = {
        "dataset": dataset,
        "data": data,
        "split": split,
        "model": model,
        "classifier_epochs": classifier_epochs,
        "classifier_learning_rate": classifier_learning_rate,
        "learning_rate": learning_rate,
        "train_from": train_from,
        "flip": flip,
    }
    return training.fit_and_test(
        network,
        train_data,
        validation_data,
        test_data,
        optimizer=optimizer,
        loss=loss,
        epochs=epochs,
        output=output,
        settings=settings | clips.to_dict() | options | batches,
        resume=resume,
    )


def train_layers(network, first):
    """Makes the layers trainable from that one on, but for batch norms, and no others.

    Args:
        network: the model.
        first: beginning of the name of a layer; None for the first of all.

    Raises:
        ValueError: when there is no such layer.
    """
    starts = [
        number for number, layer in enumerate(network.layers) if layer.name.startswith(first or "")
    ]
    if not starts:
        names = [layer.name for layer in network.layers if layer.weights]
        raise ValueError(f"Expected a layer, one of {names}. Received: train_from={first}")
    for number, layer in enumerate(network.layers):
        layer.trainable = number >= starts[0]
    freeze_norms(network)


if __name__ == "__main__":
    cpu.keep_freed_memory()
    tyro.cli(main)
