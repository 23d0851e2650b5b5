"""What 8, 64 and 512 devices need of decoding, storage and network.

    python recipes/scaling.py --clips-per-second 150 --decode-ms 20 --video-kilobytes 500 \
        --parameters 5690000 --link-gbit 100

A calculation from what was measured on one device and one core. It takes for granted that nothing
is cached, that every clip means reading a whole file, and that gradients are exchanged in a ring
after the computation and not during it: what the table says is needed is an upper bound.
"""

from keras_ctsep import cli

NUM_DEVICES = (8, 64, 512)


def main(
    *,
    clips_per_second: float,
    decode_ms: float,
    video_kilobytes: float,
    parameters: int,
    link_gbit: float,
    batch_size: int = 16,
):
    """Prints a table of what training on 8, 64 and 512 devices needs.

    Args:
        clips_per_second: clips that one device trains on in a second.
        decode_ms: milliseconds in which one core decodes one clip.
        video_kilobytes: size of a video file in units of 1000 bytes.
        parameters: trainable parameters of the model.
        link_gbit: bandwidth of the slowest link between two devices in Gbit/s.
        batch_size: clips of a batch on each device.

    Returns:
        List of dicts, the rows of the table.

    Raises:
        ValueError: when an argument is not above 0.
    """
    for name, value in locals().items():
        if value <= 0:
            raise ValueError(f"Expected numbers above 0. Received: {name}={value}")
    rows = []
    for devices in NUM_DEVICES:
        clips = devices * clips_per_second
        # In a ring every device sends each of n parts of the gradients n - 1 times to add them
        # up, and n - 1 times to spread the sums (Patarasuk and Yuan 2009, section 3).
        gradients = 4 * parameters * 2 * (devices - 1) / devices
        exchange = gradients * 8 / (link_gbit * 1e9)
        step = batch_size / clips_per_second
        row = {
            "devices": devices,
            "clips/s": clips,
            "decoding cores": clips * decode_ms / 1000,
            "storage, MB/s": clips * video_kilobytes / 1000,
            "a device sends, MB a step": gradients / 1e6,
            "exchange, ms": exchange * 1000,
            "computation, ms": step * 1000,
            "efficiency": step / (step + exchange),
        }
        rows.append(row)
    print(_markdown(rows))
    return rows


def _markdown(rows):
    lines = [list(rows[0]), ["---:"] * len(rows[0])]
    lines += [[f"{_short(value)}" for value in row.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _short(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    cli.run(main)
