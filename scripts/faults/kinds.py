"""All kinds of fault by name."""

from types import ModuleType

from faults import bits, disk, hostile, kills, pictures, saves, signals

KINDS: dict[str, ModuleType] = {
    "kills": kills,
    "saves": saves,
    "disk": disk,
    "bits": bits,
    "signals": signals,
    "pictures": pictures,
    "hostile": hostile,
}
