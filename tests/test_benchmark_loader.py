import benchmark_loader
from painted_videos import write_painted


def test_rates_are_measured_on_all_videos(tmp_path, capsys):
    paths = [write_painted(tmp_path / f"{number}.avi", 20, 48, 64) for number in range(3)]
    assert benchmark_loader.read_bare(paths, num_threads=2) == 3
    rates = benchmark_loader.main(data=str(tmp_path), batch_size=2, seconds=0)
    assert list(rates) == ["bare", "loader", "augmented", "first epoch", "second epoch"]
    printed = capsys.readouterr().out
    ratio = rates["loader"] / rates["bare"]
    assert f"loader / bare = {ratio:.2f}" in printed and "second epoch / first epoch" in printed
