from __future__ import annotations

from mesh.storage.spare_redis import PAUSE_SECONDS, SpareRedis


async def test_redis_that_was_found_away_is_left_alone_and_then_asked_again() -> None:
    now = [1000.0]
    spare = SpareRedis("redis://127.0.0.1:1", 0.1, lambda: now[0])
    assert spare.client()
    spare.leave_alone()
    now[0] += PAUSE_SECONDS - 1
    assert spare.client() is None
    now[0] += 1
    assert spare.client()
    await spare.close()


async def test_without_a_url_there_is_none() -> None:
    spare = SpareRedis("", 0.1)
    assert spare.client() is None
    await spare.close()
