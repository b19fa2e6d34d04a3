"""Who acts in tests."""

from waivern.caller import Caller, CallerKind

CALLER = Caller("ann@desk")
OTHER_CALLER = Caller("ben@desk")
SERVICE = Caller("host", CallerKind.SERVICE)
WORKER = Caller("host", CallerKind.WORKER)
