"""Build the package, and check that it can be deployed. Never deployed itself.

    __main__   `make package`, on the command line
    build      builds the package from `src/` and the pinned dependencies, with
    pins         the pinned files of requirements.txt
    selection    which files ship
    bytecode     compiles them
    output       writes folder and zip
    sbom         lists its third-party contents
    check      `make ready-to-deploy`: checks serverless.yml before `scf deploy` deploys it
    triggers   which uploads a COS trigger fires for

The same inputs and the same Python 3.10 make the same bytes.
"""
