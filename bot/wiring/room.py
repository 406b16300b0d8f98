"""Room for a storm: memory that a process needs for one, taken at the start and kept.

The kernel hands memory out page by page as it is first touched, 2 to 3 us each on a virtual machine: for 10,000 alerts a
fifteenth of the correlator's time. The interpreter gives back what is empty and would pay again with the next storm.
"""

_MIB = 1024 * 1024
# Objects up to 512 bytes, their heads included, live in arenas of 1 MiB; one object in so many keeps each arena.
_SMALL, _KEPT_OF = 448, 1000
# What is larger comes from a heap that shrinks from its end alone; the last block keeps that.
_LARGE = 64 * 1024
_stays: list[bytes] = []


def take_room(small_mib: int, large_mib: int) -> None:
    """Fill the room once and let nearly all of it go again; the process is as large from here on as a storm makes it."""
    small = [bytes(_SMALL) for _ in range(small_mib * _MIB // _SMALL)]
    large = [bytes(_LARGE) for _ in range(large_mib * _MIB // _LARGE)]
    _stays.extend([*small[::_KEPT_OF], large[-1]])
