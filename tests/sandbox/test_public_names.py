"""The public names of the sandbox."""

import liveness_sandbox

PUBLIC_NAMES = [
    *(
        "Bucket",
        "CosTrigger",
        "Credentials",
        "DataError",
        "Delay",
        "DeployOptions",
        "Drop",
        "FaceCall",
    ),
    *("Fault", "FaultAction", "Function", "Identities", "InvalidFault", "InvalidPolicy"),
    *("Invocation", "Match"),
    *("Pause", "RegionMismatch", "Reply", "RequestRecord", "ReservationTooLarge", "RoleDocument"),
    *("Sandbox", "ScenarioFile", "Status", "StoredObject", "TimerTrigger", "load_scenario"),
    *("parse_identities", "serve"),
]


def test_the_public_names_are_those_listed_here() -> None:
    assert liveness_sandbox.__all__ == PUBLIC_NAMES
    assert all(hasattr(liveness_sandbox, name) for name in PUBLIC_NAMES)
