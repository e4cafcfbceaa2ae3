import copy
import dataclasses
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exr_inspector.errors import SettingsError
from exr_inspector.exr.limits import DEFAULT_LIMITS, Limits
from exr_inspector.settings import (
    DATABASE,
    FUNCTION,
    NAMES,
    OBJECTS,
    PIXELS,
    READING,
    Mount,
    Secret,
    Settings,
    is_needed,
    load_settings,
    setting_name,
    unknown_settings,
)

ROOT = Path(__file__).resolve().parents[2]
CATALOG = {
    "VAST_DB_ENDPOINT": "https://db.example.com",
    "VAST_DB_ACCESS_KEY": "db-access",
    "VAST_DB_SECRET_KEY": "db-secret",
    "VAST_DB_BUCKET": "tables",
}
S3 = {"S3_ENDPOINT_URL": "https://s3.example.com/", "S3_ACCESS_KEY": "s3-access", "S3_SECRET_KEY": "s3-secret"}


def test_names_that_are_no_settings_are_named_with_what_may_be_meant():
    environ = {
        "EXR_STAT": "s3cret",
        "PATH": "/bin",
        "EXR_STATS": "full",
        "EXR_CORPUS": "/c",
        "S3_BUCKET": "others use it",
    }
    secrets = {"one": {"VAST_DB_ENDPONT": "s3cret", "VAST_DB_BUCKET": "b"}, "EXR_ZZZ": "s3cret"}
    misspelt, lost, other = sorted(unknown_settings(environ, secrets))[:3]
    assert ("EXR_STAT is no setting" in misspelt, "did you mean EXR_STATS" in misspelt) == (True, True)
    assert ("EXR_ZZZ is no setting" in lost, "docs/settings.md" in lost) == (True, True)
    assert "did you mean VAST_DB_ENDPOINT" in other
    assert not any("s3cret" in sentence for sentence in unknown_settings(environ, secrets))
    assert unknown_settings(environ | {"EXR_STAT": ""}, secrets)[3:] == []
    for far in ("EXR_VERBOSE", "EXR_CACHE_DIR", "VAST_DB_HOST", "VAST_DB_PORT"):
        assert "did you mean" not in unknown_settings({far: ""})[0]
    assert "did you mean EXR_DECODE_THREADS?" in unknown_settings({"EXR_THREADS": ""})[0]


def test_a_name_that_others_use_too_is_named_only_where_it_looks_misspelt():
    others = {"S3_BUCKET": "b", "S3_USE_SIGV4": "1", "s3_disable_multiregion": ""}
    assert unknown_settings(others | S3) == []
    (sentence,) = unknown_settings(others | {"S3_ENDPOINT": "s3cret", "S3_ACCESS_KEY": "k", "S3_SECRET_KEY": "k"})
    assert "S3_ENDPOINT is no setting" in sentence
    assert "did you mean S3_ENDPOINT_URL" in sentence
    assert unknown_settings({**S3, "S3_ENDPOINT": "of another program"}) == []


def faults(environ, *args, **kwargs):
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, *args, secrets_dir=kwargs.pop("secrets_dir", None), **kwargs)
    return str(caught.value)


def test_nothing_set_gives_the_defaults():
    settings = load_settings({}, secrets_dir=None)
    assert (settings.db_endpoint, settings.s3_endpoint_url) == (None, None)
    assert settings.mounts == ()
    assert settings.limits == DEFAULT_LIMITS
    assert (settings.stats, settings.stats_bytes, settings.stats_requests) == ("off", 4 << 20, 8)
    assert settings.stats_levels == "first"
    assert (settings.policy, settings.hash, settings.leaders, settings.rebuild, settings.batch) == (
        "default",
        False,
        "local",
        False,
        False,
    )
    assert settings.initial_read_bytes == 65536
    assert settings.deadline_seconds < 120
    assert settings.warnings == ()


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        load_settings({}, secrets_dir=None).stats = "full"


def test_connections_are_complete():
    settings = load_settings({**CATALOG, **S3}, secrets_dir=None, need=("catalog", "objects"))
    catalog, s3 = settings.require_catalog(), settings.require_s3()
    assert (catalog.endpoint, catalog.bucket, catalog.tls_verify) == ("https://db.example.com", "tables", True)
    assert (catalog.access_key.reveal(), catalog.secret_key.reveal()) == ("db-access", "db-secret")
    assert (s3.endpoint_url, s3.region, s3.virtual_hosted) == ("https://s3.example.com", "us-east-1", False)
    assert (s3.access_key.reveal(), s3.secret_key.reveal()) == ("s3-access", "s3-secret")


@pytest.mark.parametrize("name", CATALOG)
def test_a_missing_database_setting_is_named(name):
    rest = {key: value for key, value in CATALOG.items() if key != name}
    assert name in faults(rest, need=("catalog",))
    incomplete = load_settings(rest, secrets_dir=None)
    with pytest.raises(SettingsError, match=name):
        incomplete.require_catalog()


@pytest.mark.parametrize("name", S3)
def test_a_missing_s3_setting_is_named_and_the_database_keys_do_not_stand_in(name):
    rest = {key: value for key, value in S3.items() if key != name}
    assert name in faults({**CATALOG, **rest}, need=("objects",))
    incomplete = load_settings({**CATALOG, **rest}, secrets_dir=None)
    with pytest.raises(SettingsError, match=name):
        incomplete.require_s3()


def test_mounts_need_no_s3_settings(tmp_path):
    text = f"samples={tmp_path}, b=./x, b/part/=~"
    settings = load_settings({"EXR_MOUNTS": text}, secrets_dir=None, need=("objects",))
    assert settings.mounts == (Mount("samples", tmp_path), Mount("b", Path("x")), Mount("b", Path.home(), "part/"))


def test_platform_secrets_may_be_flat(tmp_path):
    environ = {"EXR_SECRET_NAME": "mine", "S3_REGION": "of-environ"}
    flat = {"S3_ENDPOINT_URL": "http://e", "S3_ACCESS_KEY": "flat", "S3_SECRET_KEY": "s", "VAST_DB_BUCKET": None}
    found = load_settings(environ, {**flat, "mine": {"S3_REGION": "of-secret"}, "other": {"S3_REGION": "x"}}, tmp_path)
    s3 = found.require_s3()
    assert (s3.endpoint_url, s3.access_key.reveal(), s3.region) == ("http://e", "flat", "of-secret")
    with pytest.raises(SettingsError, match="S3_REGION: a secret contains a value that is not text"):
        load_settings({}, {**flat, "S3_REGION": 5}, tmp_path)


def test_platform_secrets_win_over_files_and_files_over_the_environment(tmp_path):
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage" / "S3_REGION").write_text("of-file\n")
    (tmp_path / "S3_ACCESS_KEY").write_text("flat\n")
    environ = {
        "S3_REGION": "of-environ",
        "S3_ACCESS_KEY": "e",
        "S3_SECRET_KEY": "of-environ",
        "S3_ENDPOINT_URL": "http://e",
    }
    found = load_settings(environ, {"any": {"S3_ENDPOINT_URL": "http://secret"}}, tmp_path).require_s3()
    assert (found.endpoint_url, found.region) == ("http://secret", "of-file")
    assert (found.access_key.reveal(), found.secret_key.reveal()) == ("flat", "of-environ")
    both = load_settings(environ, {"any": {"S3_REGION": "of-secret"}}, tmp_path).require_s3()
    assert both.region == "of-secret"


def test_a_folder_of_versions_is_no_secret(tmp_path):
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "S3_REGION").write_text("old")
    found = load_settings(S3, None, tmp_path).require_s3()
    assert found.region == "us-east-1"


def test_the_named_secret_alone_is_read():
    secrets = {"one": {"S3_REGION": "r1"}, "two": {"S3_REGION": "r2"}}
    chosen = load_settings({**S3, "EXR_SECRET_NAME": "two"}, secrets, None)
    assert chosen.require_s3().region == "r2"
    assert "EXR_SECRET_NAME" in faults({"EXR_SECRET_NAME": "three"}, secrets)


def test_secrets_that_disagree_are_a_fault_and_equal_ones_are_none():
    text = faults({}, {"one": {"S3_SECRET_KEY": "hidden-1"}, "two": {"S3_SECRET_KEY": "hidden-2"}})
    assert "S3_SECRET_KEY" in text
    assert "hidden" not in text
    same = load_settings(S3, {"one": {"S3_REGION": "r"}, "two": {"S3_REGION": "r"}}, None)
    assert same.require_s3().region == "r"


def test_a_secret_that_is_no_text_is_a_fault():
    assert "S3_SECRET_KEY" in faults({}, {"one": {"S3_SECRET_KEY": ["hidden"]}})


def test_a_file_that_is_no_text_is_a_fault(tmp_path):
    (tmp_path / "S3_SECRET_KEY").write_bytes(b"\xff\xfe\x00")
    assert "S3_SECRET_KEY" in faults({}, None, secrets_dir=tmp_path)


def test_an_empty_text_counts_as_not_set():
    assert load_settings({"EXR_STATS": " ", "S3_REGION": ""}, {"s": {"EXR_STATS": ""}}, None).stats == "off"


def test_all_faults_are_in_one_error():
    text = faults(
        {"EXR_STATS": "some", "EXR_MAX_PARTS": "0", "VAST_DB_ENDPOINT": "nowhere"}, need=("catalog", "objects")
    )
    for name in ("EXR_STATS", "EXR_MAX_PARTS", "VAST_DB_ENDPOINT", "VAST_DB_BUCKET", "S3_ENDPOINT_URL"):
        assert text.count(name) == 1, name


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("VAST_DB_ENDPOINT", "db.example.com"),
        ("VAST_DB_ENDPOINT", "ftp://db.example.com"),
        ("VAST_DB_ENDPOINT", "https://"),
        ("VAST_DB_ENDPOINT", "https://h:99999"),
        ("VAST_DB_ENDPOINT", "https://user:word@h"),
        ("S3_ENDPOINT_URL", "https://h/?q=1"),
        ("S3_ENDPOINT_URL", "https://h/a b"),
        ("S3_ENDPOINT_URL", "https://h/<a>"),
        ("VAST_DB_ENDPOINT", "https://hé/"),
        ("S3_ACCESS_KEY", "two\nlines"),
        ("S3_TLS_VERIFY", "maybe"),
        ("S3_CA_BUNDLE", "/no/such/file.pem"),
        ("S3_TIMEOUT_SECONDS", "nan"),
        ("S3_TIMEOUT_SECONDS", "soon"),
        ("S3_RETRIES", "-1"),
        ("EXR_MOUNTS", "folder"),
        ("EXR_MOUNTS", "/b=/x"),
        ("EXR_MOUNTS", "a/b=/x,a/b/=/y"),
        ("EXR_MOUNTS", "a=/x,a=/y"),
        ("EXR_MOUNTS", "a/b/../c=/x"),
        ("EXR_MOUNTS", "..=/x"),
        ("EXR_MOUNTS", "a/b//c=/x"),
        ("EXR_VIEWS", "renders=/x"),
        ("EXR_VIEWS", "/x"),
        ("EXR_VIEWS", "/x=b|"),
        ("EXR_VIEWS", "/x=b|renders"),
        ("EXR_VIEWS", "/x=b, /x=c"),
        ("EXR_SWEEP", "a//b"),
        ("EXR_SWEEP", "s3://"),
        ("EXR_SWEEP", "/on/the/cluster"),
        ("EXR_SWEEP_CATALOG", "on"),
        ("EXR_SWEEP_SHARDS", "0"),
        ("EXR_SWEEP_FULL_HOURS", "daily"),
        ("EXR_SETTLE_SECONDS", "-1"),
        ("EXR_STATS", "all"),
        ("EXR_STATS_LEVELS", "0"),
        ("EXR_STATS_BYTES", "4MiB"),
        ("EXR_STATS_BYTES", "1e6"),
        ("EXR_STATS_BYTES", "٤"),
        ("EXR_MAX_CHANNELS", "32768"),
        ("EXR_MAX_NAME_BYTES", "256"),
        ("EXR_DEADLINE_SECONDS", "0"),
        ("EXR_INITIAL_READ_BYTES", "4"),
        ("EXR_BATCH", "2"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name, wrong):
    text = faults({name: wrong})
    assert text.startswith(f"{name}: ")


def test_the_database_may_not_be_tried_for_longer_than_the_deadline():
    assert "EXR_DB_RETRY_SECONDS" in faults({"EXR_DB_RETRY_SECONDS": "60", "EXR_DEADLINE_SECONDS": "50"})


def test_an_unknown_need_is_the_callers_mistake():
    with pytest.raises(ValueError, match="catalogue"):
        load_settings({}, secrets_dir=None, need=("catalogue",))


@pytest.mark.parametrize(
    ("word", "value"), [("1", True), ("ON", True), ("yes", True), ("0", False), ("False", False), ("no", False)]
)
def test_switches_accept_the_usual_words(word, value):
    assert load_settings({"EXR_BATCH": word}, secrets_dir=None).batch is value


def test_names_lose_spaces_and_empty_ones():
    settings = load_settings({"EXR_ALLOWED_BUCKETS": " a, b,,", "EXR_ALLOWED_PREFIXES": "a/shots/"}, secrets_dir=None)
    assert (settings.allowed_buckets, settings.allowed_prefixes) == (("a", "b"), ("a/shots/",))


def test_every_limit_has_a_setting():
    names = {field.name: f"EXR_MAX_{field.name.upper()}" for field in dataclasses.fields(Limits)}
    assert set(names.values()) <= set(NAMES)
    for number, (field, name) in enumerate(names.items(), start=1):
        assert getattr(load_settings({name: str(number)}, secrets_dir=None).limits, field) == number


@pytest.mark.parametrize("name", ["S3_TLS_VERIFY", "VAST_DB_TLS_VERIFY"])
def test_no_certificate_check_is_warned_about(name):
    (warning,) = load_settings({name: "off"}, secrets_dir=None).warnings
    assert name in warning


@given(st.text(min_size=6).filter(lambda text: text.strip() not in "Secret(***)"))
def test_a_secret_never_shows_itself(text):
    secret = Secret(text)
    shown = {repr(secret), str(secret), f"{secret}", f"{secret!r:>3}", "%s" % secret, repr([secret])}  # noqa: UP031
    assert not any(text in word for word in shown)
    assert secret.reveal() == text
    assert secret == Secret(text) == copy.deepcopy(secret)
    assert secret != Secret(text + "x")
    assert secret != text
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_settings_show_no_secret():
    settings = load_settings({**CATALOG, **S3}, secrets_dir=None)
    for value in ("db-access", "db-secret", "s3-access", "s3-secret"):
        assert value not in repr(settings)
        assert value not in str(settings)
        assert value not in str(settings.model_dump())
        assert value not in repr((settings.require_catalog(), settings.require_s3()))


def test_no_fault_quotes_a_secret():
    environ = {name: "hidden\nvalue" for name in NAMES if name.endswith(("_ACCESS_KEY", "_SECRET_KEY"))}
    text = faults(environ, {"s": {"S3_REGION": "a\nb"}}, need=("catalog", "objects"))
    assert "hidden" not in text
    assert all(name in text for name in environ)


def test_secrets_are_those_whose_names_say_so():
    environ = {name: "value" for name in NAMES if "KEY" in name}
    settings = load_settings({**CATALOG, **S3, **environ}, secrets_dir=None)
    secret = {name for name, field in NAMES.items() if isinstance(getattr(settings, field), Secret)}
    assert secret == set(environ) == {name for name in NAMES if name.endswith(("_ACCESS_KEY", "_SECRET_KEY"))}


def test_every_setting_says_what_it_is():
    for name, field in Settings.model_fields.items():
        assert setting_name(field).isupper(), name
        assert field.description, name
    needed = {setting_name(field) for field in Settings.model_fields.values() if is_needed(field)}
    assert needed == {*CATALOG, *S3}


def test_secrets_go_before_the_environment_for_every_setting(tmp_path):
    """EXR_BATCH given as a secret was ignored once."""
    values = {**CATALOG, **S3, "EXR_BATCH": "on", "EXR_STATS": "full", "EXR_MAX_PARTS": "7", "EXR_HASH": "yes"}
    environ = dict.fromkeys(values, "0") | {"VAST_DB_ENDPOINT": "http://e", "S3_ENDPOINT_URL": "http://e"}
    for secrets, folder in (({"any": values}, None), (values, None), (None, tmp_path)):
        if folder:
            for name, value in values.items():
                (folder / name).write_text(value)
        found = load_settings({**environ, "EXR_STATS": "off", "EXR_MAX_PARTS": "1"}, secrets, folder)
        assert (found.batch, found.stats, found.max_parts, found.hash) == (True, "full", 7, True)
        assert found.require_catalog().bucket == "tables"


def test_settings_that_are_not_used_are_not_looked_at():
    wrong = {"EXR_STATS": "bogus", "EXR_MOUNTS": "nonsense", "VAST_DB_ENDPOINT": "nowhere", "S3_RETRIES": "many"}
    assert load_settings({**wrong, "EXR_MAX_PARTS": "7"}, secrets_dir=None, use=(READING,)).max_parts == 7
    with pytest.raises(SettingsError, match="EXR_STATS"):
        load_settings(wrong, secrets_dir=None, use=(FUNCTION,))


def test_secrets_that_are_not_used_are_not_looked_at(tmp_path):
    (tmp_path / "S3_SECRET_KEY").write_bytes(b"\xff\xfe\x00")
    secrets = {"one": {"VAST_DB_BUCKET": "a", "S3_REGION": 5}, "two": {"VAST_DB_BUCKET": "b"}}
    load_settings({}, secrets, tmp_path, use=(READING,))
    load_settings({"EXR_SECRET_NAME": "gone"}, secrets, tmp_path, use=(READING, PIXELS))
    for group in (DATABASE, OBJECTS, FUNCTION):
        with pytest.raises(SettingsError, match="EXR_SECRET_NAME"):
            load_settings({"EXR_SECRET_NAME": "gone"}, secrets, tmp_path, use=(group,))


def test_what_the_caller_gives_wins_over_secrets(tmp_path):
    (tmp_path / "VAST_DB_BUCKET").write_text("of-file")
    secrets = {"one": {"VAST_DB_ENDPOINT": "http://one"}, "two": {"VAST_DB_ENDPOINT": "http://two"}}
    found = load_settings({}, secrets, tmp_path, given=CATALOG)
    assert (found.require_catalog().endpoint, found.require_catalog().bucket) == ("https://db.example.com", "tables")
    with pytest.raises(SettingsError, match="EXR_SECRET_NAME"):
        load_settings(CATALOG, secrets, tmp_path, given={"EXR_SECRET_NAME": "gone"})
    assert load_settings({"EXR_STATS": "full"}, given={"EXR_STATS": ""}).stats == "off"


def test_a_wrong_number_is_named_with_its_unit():
    assert faults({"EXR_SWEEP_FULL_HOURS": "day"}) == "EXR_SWEEP_FULL_HOURS: expected a number (unit: hours)"
    assert faults({"EXR_MAX_PARTS": "x"}) == "EXR_MAX_PARTS: expected a whole number (unit: parts)"


def test_a_missing_setting_says_where_it_was_looked_for():
    text = faults({}, need=("catalog",))
    assert "VAST_DB_ENDPOINT, VAST_DB_ACCESS_KEY, VAST_DB_SECRET_KEY, VAST_DB_BUCKET: not set" in text
    assert "the platform's secrets, in files below /secrets and in the environment" in text
