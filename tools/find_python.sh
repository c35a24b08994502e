# Print a Python that can run this project: $PYTHON if it is set, else that of the virtual
# environment $1, else the first on the path. Fails with one sentence that says what is missing.

suits() {
	"$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null
}

if [ -n "$PYTHON" ]; then
	suits "$PYTHON" && { command -v "$PYTHON"; exit; }
	version=$("$PYTHON" -c 'import platform; print("Python " + platform.python_version())' 2> /dev/null)
	echo "PYTHON=$PYTHON is ${version:-no Python that runs}: give Python 3.10 or newer, as in \`PYTHON=/path/to/python3.11 make run\`." >&2
	exit 1
fi
suits "$1/bin/python" && { echo "$1/bin/python"; exit; }
set -f
for name in python3 python3.13 python3.12 python3.11 python3.10 python; do
	IFS=:
	for folder in $PATH; do
		unset IFS
		python=${folder:-.}/$name
		[ -f "$python" ] && [ -x "$python" ] && suits "$python" && { echo "$python"; exit; }
	done
done
found=$(python3 -c 'import platform; print("only Python " + platform.python_version())' 2> /dev/null)
echo "Python 3.10 or newer is needed, and the path has ${found:-none}: install one, or name it, as in \`PYTHON=/path/to/python3.11 make run\`." >&2
exit 1
