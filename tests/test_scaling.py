import pytest
from scaling import main


def test_table_is_the_arithmetic_by_hand(capsys):
    rows = main(
        clips_per_second=50,
        decode_ms=20,
        video_kilobytes=500,
        parameters=1_000_000,
        link_gbit=8,
        batch_size=10,
    )
    # One device needs one core (50 clips of 20 ms) and 25 MB/s, and takes 200 ms for a step. Of
    # 4 MB of gradients 8 devices send 2 * 7/8 each, 1 MB a millisecond.
    assert list(rows[0].values()) == pytest.approx([8, 400, 8, 200, 7, 7, 200, 200 / 207])
    assert list(rows[2].values())[:4] == [512, 25600, 512, 12800]
    assert rows[2]["exchange, ms"] == pytest.approx(8 * 511 / 512)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and {line.count("|") for line in lines} == {9}
    assert lines[4].startswith("| 512 | 25,600 | 512 | 12,800 | 7.98 |")


def test_numbers_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="Received: link_gbit=0$"):
        main(clips_per_second=1, decode_ms=1, video_kilobytes=1, parameters=1, link_gbit=0)
