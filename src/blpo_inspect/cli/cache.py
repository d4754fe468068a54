"""``blpo cache``. Each command is a thin shell over a function of `blpo_inspect.cache`."""

import asyncio
import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from blpo_inspect._util.text import visible
from blpo_inspect.cli.shared import (
    EXIT_CODES,
    Commands,
    Fault,
    a_file,
    as_json,
    finish,
    print_json,
    print_some,
    print_table,
    size,
)

if TYPE_CHECKING:
    from blpo_inspect.cache.explain import Search
    from blpo_inspect.cache.logs import Call
    from blpo_inspect.cache.maintenance import Changed, Drift
    from blpo_inspect.cache.store import Store

_PREFIX = 6


class _CacheCommands(Commands):
    def expected(self) -> tuple[type[Exception], ...]:
        from blpo_inspect.cache.bundle import BundleError
        from blpo_inspect.cache.logs import LogError
        from blpo_inspect.cache.maintenance import MaintenanceError
        from blpo_inspect.cache.store_errors import StoreError

        return BundleError, LogError, MaintenanceError, StoreError


@click.group(name="cache", cls=_CacheCommands, epilog=EXIT_CODES)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the cache lies; default: BLPO_CACHE_DIR, else this user's cache folder.",
)
@click.pass_context
def commands(ctx: click.Context, folder: Path | None) -> None:
    """Look after recorded model calls."""
    from blpo_inspect.cache.store import default_folder

    ctx.obj = folder or default_folder()


def with_store(*, write: bool = False, create: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Pass the store as the first argument; without `create`, a cache that is not there is an error."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(*args: Any, **kwargs: Any) -> None:
            from blpo_inspect.cache.store import Store

            folder: Path = click.get_current_context().obj
            store = Store(folder, read_only=not write)
            try:
                if not create and not store.size().bytes:
                    raise Fault(f"no cache in {folder}; give its folder by --dir or BLPO_CACHE_DIR")
                command(store, *args, **kwargs)
            finally:
                store.close()

        return run

    return decorate


@commands.command(epilog=EXIT_CODES)
@as_json
@with_store()
def stats(store: "Store", as_json: bool) -> None:
    """Entries, size and replayed calls, by model and role. A damaged row exits with 1."""
    from blpo_inspect.cache import maintenance

    stats = maintenance.stats(store)
    if as_json:
        print_json(dataclasses.asdict(stats))
    else:
        click.echo(
            f"{store.folder}: {stats.entries:,} entries, {size(stats.bytes)}"
            + (f", {stats.damaged:,} DAMAGED (blpo cache verify)" if stats.damaged else "")
        )
        rows = [
            (use.model, use.role or "–", f"{use.entries:,}", size(use.bytes), f"{use.hits:,}") for use in stats.usage
        ]
        print_table(("model", "role", "entries", "size", "hits"), rows, right={2, 3, 4})
    finish(problem=stats.damaged > 0)


@commands.command(epilog=EXIT_CODES)
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Ask the live --model again for N entries.")
@click.option("--model", metavar="PROVIDER/NAME", help="The model to ask again; only its entries are drawn.")
@click.option("-M", "arguments", multiple=True, metavar="NAME=VALUE", help="Argument of the model.")
@click.option("--base-url", metavar="URL", help="Where the model is served.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which entries are drawn.")
@click.option("--log", type=a_file, help="An Inspect log that holds the images.")
@click.option("--images", type=click.Path(path_type=Path), help="A folder of images, matched by content.")
@as_json
@with_store()
def verify(
    store: "Store",
    sample: int | None,
    model: str | None,
    arguments: tuple[str, ...],
    base_url: str | None,
    seed: int,
    log: Path | None,
    images: Path | None,
    as_json: bool,
) -> None:
    """Check every entry; with --sample also whether a live model still answers as recorded.

    The cache holds digests of images, not images: --log or --images says where they are. A drawn entry that
    could not be asked again counts as not checked.

    Exits with 1 if an entry is damaged or a greedy answer (temperature 0) changed, else with 2 if a drawn entry
    could not be checked. An answer that was sampled may vary; that is reported and is no problem.
    """
    from blpo_inspect.cache import maintenance

    if sample is not None and not model:
        raise click.UsageError("--sample asks a live model, so name it: --model PROVIDER/NAME")
    if sample is None and (model or arguments or base_url or log or images):
        raise click.UsageError("--model, -M, --base-url, --log and --images belong to --sample N")
    damaged, later, unsealed = store.checked()
    entries = store.size().entries
    drift: Drift | None = None
    if sample is not None and model:
        find = maintenance.image_finder(log, images)
        target = _target(model, arguments, base_url)
        drift = asyncio.run(maintenance.drift(store, target, sample, seed=seed, find_image=find))
    if as_json:
        drifted = dataclasses.asdict(drift) if drift else None
        bad = [list(pair) for pair in damaged]
        print_json({"entries": entries, "damaged": bad, "later": later, "without_digest": unsealed, "drift": drifted})
    else:
        click.echo(
            f"{store.folder}: {entries:,} entries checked, {len(damaged):,} damaged"
            + (f", {unsealed:,} without digest (recorded by an earlier version)" if unsealed else "")
            + (f", {len(later):,} written by a later version" if later else "")
        )
        print_some(f"damaged {key[:12]}…: {why}" for key, why in damaged)
        if drift:
            _print_drift(drift)
    if drift and drift.unchecked and not drift.changed and not damaged:
        raise SystemExit(2)
    finish(problem=bool(damaged or (drift and drift.changed)))


@commands.command(name="export", epilog=EXIT_CODES)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--log", type=a_file, help="Only what this Inspect log used.")
@click.option("--model", "models", multiple=True, metavar="PROVIDER/NAME", help="Only calls of this model; repeatable.")
@as_json
@with_store()
def export_(store: "Store", file: Path, log: Path | None, models: tuple[str, ...], as_json: bool) -> None:
    """Write recorded calls to FILE, one portable bundle.

    Exits with 1 if an entry that was asked for is damaged or missing; the others are written.
    """
    from blpo_inspect.cache.bundle import export

    done = export(store, file, models=models or None, log=log)
    if as_json:
        print_json({"file": str(file), **dataclasses.asdict(done)})
    else:
        click.echo(f"{file}: {done.entries:,} entries, {size(done.bytes)}, SHA-256 {done.sha256}")
        print_some(f"missing {key[:12]}…: not in {store.folder}" for key in done.missing)
        print_some(f"damaged {key[:12]}…: left out" for key in done.damaged)
    finish(problem=bool(done.missing or done.damaged))


@commands.command(name="import", epilog=EXIT_CODES)
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@with_store(write=True, create=True)
def import_(store: "Store", file: Path, as_json: bool) -> None:
    """Merge the bundle FILE into the cache: all of it or, if anything is wrong with it, nothing.

    What is recorded already stays. Exits with 1 if an entry is there with another answer.
    """
    from blpo_inspect.cache import bundle

    done = bundle.import_(store, file)
    if as_json:
        print_json({"file": str(file), **dataclasses.asdict(done)})
    else:
        click.echo(f"{file}: {done.new:,} new entries, {done.equal:,} were there, {len(done.conflicts):,} conflicts")
        if done.repaired:
            click.echo(f"  {done.repaired:,} in place of damaged ones")
        print_some(f"conflict {key[:12]}…: recorded with another answer, which stays" for key in done.conflicts)
    finish(problem=bool(done.conflicts))


@commands.command(epilog=EXIT_CODES)
@click.option("--older-than", type=float, metavar="DAYS", help="Only entries recorded more than DAYS ago.")
@click.option("--model", "models", multiple=True, metavar="PROVIDER/NAME", help="Only calls of this model; repeatable.")
@click.option("--unused-by", multiple=True, type=a_file, metavar="LOG", help="Only what no such log used; repeatable.")
@click.option("--damaged", is_flag=True, help="Also rows that cannot be used.")
@click.option("--yes", is_flag=True, help="Delete; without it nothing changes.")
@as_json
@with_store(write=True)
def prune(
    store: "Store",
    older_than: float | None,
    models: tuple[str, ...],
    unused_by: tuple[Path, ...],
    damaged: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete the entries that meet all the conditions given; without --yes only say how many."""
    from blpo_inspect.cache import maintenance

    keys = maintenance.select(store, older_than=older_than, models=models, unused_by=unused_by, damaged=damaged)
    entries = store.size().entries
    deleted = store.delete(keys) if yes else 0
    if as_json:
        print_json({"selected": keys, "deleted": deleted})
    elif yes:
        click.echo(f"deleted {deleted:,} of {entries:,} entries")
    else:
        click.echo(f"would delete {len(keys):,} of {entries:,} entries; nothing was changed (--yes deletes)")


@commands.command(epilog=EXIT_CODES)
@click.option("--yes", is_flag=True, help="Needed, since nothing brings the entries back.")
@with_store(write=True)
def clear(store: "Store", yes: bool) -> None:
    """Delete every entry."""
    from blpo_inspect.cache import maintenance

    if not yes:
        raise Fault(f"this deletes all {store.size().entries:,} entries in {store.folder}; if you mean it, add --yes")
    click.echo(f"deleted {maintenance.clear(store):,} entries")


@commands.command(epilog=EXIT_CODES)
@click.argument("key", required=False)
@click.option("--log", type=a_file, help="Explain the calls of a sample in this Inspect log.")
@click.option("--sample", metavar="ID", help="Which sample.")
@click.option("--nearest", type=click.IntRange(1, 20), default=1, show_default=True, help="How many to show.")
@with_store()
def explain(store: "Store", key: str | None, log: Path | None, sample: str | None, nearest: int) -> None:
    """Why a request misses: the nearest recorded request and the fields that differ.

    KEY is that of a recorded request, whole or its beginning, and is compared with the others. --log and
    --sample compare each call of a sample with what is recorded, and exit with 1 if one is not recorded.
    """
    if key and not log and not sample:
        _explain_key(store, key, nearest)
    elif log and sample and not key:
        missed = [_explain_call(store, number, call, nearest) for number, call in enumerate(_calls(log, sample), 1)]
        finish(problem=any(missed))
    else:
        raise click.UsageError("give either KEY, or --log LOG and --sample ID")


def _explain_key(store: "Store", key: str, limit: int) -> None:
    from blpo_inspect.cache import explain

    if len(key) < _PREFIX:
        raise click.UsageError(f"give at least the first {_PREFIX} characters of the key")
    fitting = [known for known in store.keys() if known.startswith(key.lower().removesuffix("…"))]  # noqa: SIM118
    if not fitting:
        click.echo(f"{key}: not recorded in {store.folder}. A key alone says nothing about its request; see --log.")
        finish(problem=True)
    if len(fitting) > 1:
        raise click.UsageError(f"{key}: the beginning of {len(fitting)} keys; give more of it")
    entry = store.get(fitting[0])
    if entry is None:
        raise Fault(f"{key}: deleted meanwhile")
    click.echo(visible(f"{entry.key} of {entry.model}, recorded {entry.recorded}"))
    click.echo(_described(explain.nearest(store, entry.request, limit, but=entry.key), entry.key))


def _calls(log: Path, sample: str) -> "list[Call]":
    from blpo_inspect.cache import logs

    return logs.calls(log, sample)


def _explain_call(store: "Store", number: int, call: "Call", limit: int) -> bool:
    """Print about one call; whether it would miss."""
    from blpo_inspect.cache import explain
    from blpo_inspect.cache.entry import key_of
    from blpo_inspect.cache.request import canonical_request

    event = call.event
    model = event.model.removeprefix("cached/")
    role = f" as {event.role}" if event.role else ""
    title = visible(f"call {number}: {model}{role}, epoch {call.epoch}")
    provider, _, name = model.partition("/")
    searches = []
    known = call.key if call.key and store.get(call.key) else None
    for identity in store.identities(model) or [{"provider": provider, "name": name}]:
        try:
            request = canonical_request(identity, event.input, event.tools, event.tool_choice, event.config)
        except ValueError as error:
            click.echo(f"{title}: {known[:12] + '… is recorded' if known else f'cannot be compared: {error}'}")
            return known is None
        request["draw"]["epoch"] = call.epoch
        if store.get(key_of(request)):
            known = known or key_of(request)
        elif not known:
            searches.append((explain.nearest(store, request, limit), key_of(request)))
    if known:
        click.echo(f"{title}: {known[:12]}… is recorded")
        return False
    click.echo(f"{title}: not recorded")
    search, key = min(searches, key=lambda pair: sum(len(near.differences) for near in pair[0].nearest[:1]))
    click.echo(_described(search, key))
    return True


def _described(search: "Search", key: str) -> str:
    from blpo_inspect.cache import explain

    return "\n".join(f"  {line}" for line in explain.describe(search, key).splitlines())


def _print_drift(drift: "Drift") -> None:
    click.echo(
        f"asked again: {drift.same:,} same, {len(drift.changed):,} changed, {len(drift.varied):,} varied"
        f" (not greedy), {len(drift.unchecked):,} not checked"
    )
    print_some(_changed("changed", change) for change in drift.changed)
    print_some(_changed("varied", change) for change in drift.varied)
    print_some(f"not checked {key[:12]}…: {why}" for key, why in drift.unchecked)


def _changed(word: str, change: "Changed") -> str:
    return f"{word} {change.key[:12]}…: {change.recorded[:100]!r} → {change.now[:100]!r}"


def _target(model: str, arguments: tuple[str, ...], base_url: str | None) -> Any:
    from blpo_inspect.cache.model_identity import Target

    model = model.removeprefix("cached/")
    provider, slash, name = model.partition("/")
    if not slash or not provider or not name:
        _misused(f"--model {model}: give PROVIDER/NAME")
    import yaml

    given: dict[str, Any] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or not key:
            _misused(f"-M {argument}: give NAME=VALUE")
        try:
            given[key] = yaml.safe_load(value)  # as `inspect eval -M` reads values
        except yaml.YAMLError:
            given[key] = value
    return Target(provider, name, base_url, given)


def _misused(message: str) -> NoReturn:
    raise click.UsageError(message)
