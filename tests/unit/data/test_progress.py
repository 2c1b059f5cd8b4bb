"""A bar where there is a terminal, one line where there is none."""

import pytest

from cnn_cli.data.progress import progress


def test_one_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading [a] file", 10) as advance:
        advance(4)
        advance(6)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "reading [a] file\n")


@pytest.mark.parametrize(("total", "shown"), [(1000, "0.8/1.0 kB"), (None, "750/? bytes")])
def test_a_bar_that_goes_away_on_a_terminal(
    total: int | None,
    shown: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with progress("loading [a] file", total, done=500, size=True) as advance:
        advance(250)
    out, err = capsys.readouterr()
    assert out == ""
    assert "loading [a] file" in err
    assert shown in err
    assert err.endswith("\x1b[2K")  # the line is wiped
