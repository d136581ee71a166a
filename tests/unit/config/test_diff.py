from hypothesis import given
from hypothesis import strategies as st

from steelyard.config.diff import RESTART, Change, Changes, PoolChange, as_taken_over, diff
from steelyard.config.model import AdminConfig, Config, Log, Pool, Probe, Process, Server, Service, Timeouts


def pool(*servers: str, **words: object) -> Pool:
    return Pool.model_validate({"servers": [Server(id=name, address=f"{name}.test:80") for name in servers], **words})


OLD = Config(
    services={
        "www": Service(mode="proxy", listen=":80", pool="web"),
        "gone": Service(mode="tcp", listen=":81", pool="web"),
    },
    pools={"web": pool("a", "b", "c", probe=Probe()), "dropped": pool("x")},
)


def test_nothing_changed() -> None:
    same = Config.model_validate(OLD.model_dump())
    assert not diff(OLD, same)
    assert str(diff(OLD, same)) == "nothing changed"


def test_everything_that_can_change() -> None:
    new = Config(
        services={
            "www": Service(mode="tcp", listen=":80", pool="web", timeouts=Timeouts(idle=5.0)),
            "fresh": Service(mode="tcp", listen=":82", pool="web"),
        },
        pools={
            "web": Pool(
                algorithm="random",
                probe=Probe(interval=9.0),
                servers=(
                    Server(id="c", address="c.test:80"),
                    Server(id="a", address="a.test:80", weight=7),
                    Server(id="d", address="d.test:80"),
                ),
            ),
            "made": pool("y"),
        },
        admin=AdminConfig(listen="127.0.0.1:1"),
        log=Log(access="stdout"),
        process=Process(shutdown_timeout=1.0, threads=2),
    )
    assert diff(OLD, new) == Changes(
        services_added=("fresh",),
        services_removed=("gone",),
        services_changed=(Change("www", ("mode", "timeouts.idle")),),
        pools_added=("made",),
        pools_removed=("dropped",),
        pools_changed=(
            PoolChange(
                "web",
                words=("algorithm", "probe.interval"),
                servers_added=("d",),
                servers_removed=("b",),
                servers_changed=(Change("a", ("weight",)),),
                reordered=True,
            ),
        ),
        process=("process.shutdown_timeout",),
        restart=("admin.listen", "log.access", "process.threads"),
    )
    assert diff(OLD, new).sentences() == (
        "pool made added",
        "pool dropped removed",
        "service fresh added",
        "service gone removed",
        "pool web changed: algorithm, probe.interval",
        "server web/d added",
        "server web/b removed",
        "server web/a changed: weight",
        "servers of pool web reordered",
        "service www changed: mode, timeouts.idle",
        "process.shutdown_timeout changed",
        "admin.listen changed: in force only after a restart",
        "log.access changed: in force only after a restart",
        "process.threads changed: in force only after a restart",
    )


def test_a_part_that_appears_is_one_change() -> None:
    new = OLD.model_copy(update={"pools": {**OLD.pools, "web": pool("a", "b", "c")}})
    assert diff(OLD, new).pools_changed == (PoolChange("web", words=("probe",)),)


def test_every_word_that_needs_a_restart_is_a_word() -> None:
    for word in RESTART:
        part, name = word.split(".")
        assert name in type(getattr(Config(), part)).model_fields


servers = st.lists(st.sampled_from("abcdef"), unique=True)


@given(servers, servers)
def test_added_and_removed_lead_from_one_set_to_the_other(before: list[str], after: list[str]) -> None:
    changes = diff(Config(pools={"web": pool(*before)}), Config(pools={"web": pool(*after)}))
    assert bool(changes) == (before != after)
    for change in changes.pools_changed:
        assert (set(before) - set(change.servers_removed)) | set(change.servers_added) == set(after)
        assert change.reordered == ([x for x in before if x in after] != [x for x in after if x in before])


def test_words_that_are_read_once_stay_as_they_run_and_are_told_each_time() -> None:
    wanted = Config.model_validate(
        {"process": {"threads": 3, "shutdown_timeout": "1s"}, "log": {"access": "stdout", "format": "combined"}}
    )
    taken = as_taken_over(Config(), wanted)
    assert (taken.log, taken.admin) == (Config().log, Config().admin)
    assert (taken.process.threads, taken.process.shutdown_timeout) == (0, 1.0)
    assert diff(taken, wanted).restart == ("log.access", "log.format", "process.threads")
    assert as_taken_over(taken, taken) is taken


def test_a_summary_is_short_and_says_first_what_needs_a_restart() -> None:
    new = Config.model_validate({"process": {"threads": 3}, "pools": {f"p{n}": {"servers": []} for n in range(99)}})
    assert diff(Config(), new).summary(2) == (
        "process.threads changed: in force only after a restart; pool p0 added; pool p1 added; 97 changes more"
    )
    assert diff(new, new).summary() == "nothing changed"
