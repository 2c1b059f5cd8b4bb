"""The command line taken apart; quoted paths come back from Hydra's grammar as they were typed."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from cnn_cli.arguments import Request, parse, quote, quote_path
from cnn_cli.errors import UserError

HARD = [
    "a b", " lead", "trail ", "it's.jpg", '"quoted".jpg', "a=b.jpg", "a,b.jpg", "C#1.jpg",
    "photo (1).jpg", "[x]", "{x}", "été/naïve.png", "写真/猫.jpg", "a:b", "a;b", "a|b", "$HOME",
    "100%", "back\\slash", "end\\", "end\\\\", "\\'", "\\\\'", "tab\there", "@home", "true", "100",
    "1e3", "-x", "\U0001f408.png",
]  # fmt: skip


def read_back(override: str) -> object:
    return OverridesParser.create().parse_override(override).value()


@pytest.mark.parametrize("text", HARD)
@pytest.mark.parametrize("key", ["checkpoint", "images", "dataset.root", "+output", "run.name"])
def test_a_path_reaches_the_config_as_it_was_typed(text: str, key: str) -> None:
    assert read_back(quote_path(f"{key}={text}")) == text
    assert read_back(f"key={quote(text)}") == text


@pytest.mark.parametrize("text", HARD)
def test_a_path_in_quotes_of_ones_own_stays(text: str) -> None:
    typed = f"images={quote(text)}"
    assert quote_path(typed) == typed


def test_the_home_folder_is_expanded_where_a_path_is_meant(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert read_back(quote_path("dataset.root=~/data sets")) == str(home / "data sets")
    assert read_back(quote_path("checkpoint=~")) == str(home)
    assert read_back(quote_path("run.name=~")) == "~"
    assert read_back(quote_path("images=~nobody-of-this-name/x")) == "~nobody-of-this-name/x"
    assert read_back(quote_path("images=a~b")) == "a~b"


@pytest.mark.parametrize(
    "override",
    ["output=null", "resume=", "model=cnn", "optimizer.lr=0.1", "~run.dir", "a.rooted=~"],
)
def test_what_is_no_path_is_left_alone(override: str) -> None:
    assert quote_path(override) == override


def test_commas_separate_paths_in_a_multirun_only() -> None:
    parser = OverridesParser.create()
    assert read_back(quote_path("dataset.root=a,b c")) == "a,b c"
    swept = parser.parse_override(quote_path("dataset.root=a b,'c,d',~/e", multirun=True))
    home = str(Path.home() / "e")
    assert list(swept.sweep_string_iterator()) == ["'a b'", "'c,d'", f"'{home}'"]
    choice = "dataset.root=choice('a b','c')"
    assert quote_path(choice, multirun=True) == choice


@pytest.mark.parametrize(
    "argv",
    [
        "evaluate split=val --cfg job -m",
        "--cfg job evaluate -m split=val",
        "split=val -m evaluate --cfg=job",
        "-c job --multirun split=val evaluate",
    ],
)
def test_flags_and_overrides_come_in_any_order(argv: str) -> None:
    with pytest.raises(UserError, match=r"--multirun and --cfg|--cfg and --multirun"):
        parse(argv.split())
    request = parse(argv.replace("--multirun", "").replace("-m", "").split())
    assert request == Request("evaluate", ["--cfg=job"], ["split=val"], ["split=val"], [], "show")


def test_flags_with_values(tmp_path: Path) -> None:
    request = parse(["--config-dir", str(tmp_path), "-i", "seed=1", "--info", "defaults"])
    assert request.flags == [f"--config-dir={tmp_path}", "--info=all", "--info=defaults"]
    assert request.overrides == ["seed=1"]
    assert parse(["-m", "--", "seed=1"]).overrides == ["seed=1"]
    assert parse(["-h"]).action == parse(["evaluate", "--help"]).action == "help"
    assert parse(["--help", "evaluate", "device"]).topics == ["device"]
    assert parse(["--version"]).action == "version"
    assert parse([]) == Request()
    assert parse(["train", "~model.depth"]).overrides == ["~model.depth"]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["evalute"], r"evalute: no such command \(did you mean 'evaluate'\?\); there are train"),
        (["train", "evaluate"], "evaluate: settings are written .* train is the command already"),
        (["train", "evalute"], r"evalute: settings are written .*did you mean 'evaluate'\?"),
        (["predict", "photo.jpg"], r"did you mean images=photo\.jpg\?"),
        (["seed", "=", "1"], "^seed = 1: write seed=1$"),
        (["train", "trainer.epochs", "3"], r"^trainer\.epochs 3: write trainer\.epochs=3$"),
        (["trainer.epochs", "=3"], r"^trainer\.epochs =3: write trainer\.epochs=3$"),
        (["trainer.epochs=", "3"], r"^trainer\.epochs= 3: write trainer\.epochs=3$"),
        (["run.name", "=", "a b"], r"^run\.name = a b: write 'run\.name=a b'$"),
        (["--epochs", "3"], r"^--epochs=3: no such flag; .*=value, without dashes; cnn-train --he"),
        (["--trainer.epochs", "3"], r"^--trainer\.epochs=3: .*dashes: trainer\.epochs=3$"),
        (["--sed", "evaluate", "x=1"], "^--sed: no such flag; settings are written key=value"),
        (["--trainer.epochs=3"], r"without dashes: trainer\.epochs=3"),
        (["--multirn"], r"did you mean '--multirun'"),
        (["-x"], "-x: no such flag"),
        (["--cfg"], "--cfg: needs job or hydra or all"),
        (["--cfg", "jab"], "--cfg: needs"),
        (["--cfg=jab"], r"did you mean 'job'"),
        (["--config-dir"], "--config-dir: needs a value"),
        (["--config-dir=nowhere"], "--config-dir=nowhere: no such folder"),
        (["--config-name", "x"], r"--config-name: not offered here; .*experiment=NAME"),
        (["-cp=x"], "--config-dir"),
        (["--experimental-rerun", "job.pickle"], "resume=REF"),
        (["--resolve"], "--resolve: has a meaning with --cfg only"),
    ],
)
def test_a_wrong_command_line_is_explained(argv: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        parse(argv)


def test_a_file_alone_is_taken_for_a_picture() -> None:
    Path("cat.jpg").touch()
    with pytest.raises(UserError, match=r"did you mean images=cat\.jpg"):
        parse(["cat.jpg"])


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (
            ["seed=1", "model.channels=[32,", "64]", "trainer.epochs=1"],
            "model.channels=[32, 64]: quote values with spaces: 'model.channels=[32, 64]'",
        ),
        (
            ["+a={x:", "[1,", "2]}"],
            "+a={x: [1, 2]}: quote values with spaces: '+a={x: [1, 2]}'",
        ),
        (
            ["dataset.root=/tmp/my", "pictures", "seed=1"],
            (
                "pictures: is it part of dataset.root=/tmp/my? quote values with spaces:"
                " 'dataset.root=/tmp/my pictures'"
            ),
        ),
        (
            ["predict", "images=my", "cat.jpg"],
            "cat.jpg: is it part of images=my? quote values with spaces: 'images=my cat.jpg'",
        ),
    ],
)
def test_a_forgotten_quote_is_recognised(argv: list[str], told: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(argv)
    assert caught.value.problems == (told,)


@pytest.mark.parametrize(
    "argv",
    [
        "seed=1 evalute",
        "predict checkpoint=x cat.jpg",
        "predict a.jpg b.jpg",
        "predict checkpoint=x a.jpg b.jpg",
    ],
)
def test_a_word_with_a_meaning_of_its_own_is_no_part_of_a_value(argv: str) -> None:
    with pytest.raises(UserError, match="did you mean") as caught:
        parse(argv.split())
    assert "quote" not in str(caught.value)
    assert "write" not in str(caught.value).replace("settings are written", "")


def test_what_together_is_a_file_was_meant_as_one() -> None:
    Path("my runs").mkdir()
    Path("runs").mkdir()
    with pytest.raises(UserError, match=r"^runs: is it part of checkpoint=my\?"):
        parse(["evaluate", "checkpoint=my", "runs"])
    Path("my runs").rmdir()
    with pytest.raises(UserError, match=r"did you mean checkpoint=runs\?"):
        parse(["evaluate", "checkpoint=my", "runs"])


def test_a_folder_alone_is_taken_for_a_run() -> None:
    Path("runs/first").mkdir(parents=True)
    with pytest.raises(UserError, match=r"did you mean checkpoint=runs/first\?"):
        parse(["evaluate", "runs/first"])


def test_the_whole_line_is_kept() -> None:
    line = ["-m", "train", "seed=1,2", "dataset.root=~"]
    assert parse(line).typed == line


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(UserError) as caught:
        parse(["evalute", "--cfg", "--config-dir=nowhere", "-q"])
    assert len(caught.value.problems) == 4
