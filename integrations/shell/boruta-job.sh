#!/bin/sh
# One job of a CI system on a board of a Boruta farm: borrows it, runs a command there, collects files,
# gives it back whatever happens. The exit status is the command's, or one of 193 to 199 of boruta run.
#
#   BORUTA_WANT=rpi4 BORUTA_RUN=./test.sh BORUTA_IN=build BORUTA_FETCH='out/*.xml' sh boruta-job.sh
#
# BORUTA_SERVER says which farm, and BORUTA_TOKEN holds a token of it; instead BORUTA_ID_TOKEN may hold
# the job's own (or BORUTA_ID_TOKEN_FILE name its file), which in GitHub Actions is asked for.
# BORUTA_WANT is the board: its name, its kind, or what it must have (board=rpi4+ram.ge.4); BORUTA_RUN
# the line for its shell; with BORUTA_HERE=1 for the shell of this machine, where BORUTA_REQUEST names the
# board's request. Where they are set: BORUTA_IN is the folder that is sent, BORUTA_FETCH the files that
# are fetched into BORUTA_TO, BORUTA_FOR how long the job may take, BORUTA_WAIT how long it may wait for
# a board, BORUTA_RETRIES how often it is tried anew after faults of board or farm, BORUTA_KEEP_ALIVE how
# soon the farm takes the board back from a job that was killed (2m).
set -eu +x # a trace would show tokens
: "${BORUTA_WANT:?says which board, such as rpi4}" "${BORUTA_RUN:?is the command to run}"
# Without a token of the farm, the job signs in by the one that the CI system gives it.
own=${BORUTA_ID_TOKEN:-}${BORUTA_ID_TOKEN_FILE:-}${ACTIONS_ID_TOKEN_REQUEST_URL:-}
[ -n "${BORUTA_TOKEN:-}" ] || [ -z "$own" ] || export BORUTA_WORKLOAD=1
set -- "$BORUTA_WANT" --wait "${BORUTA_WAIT:-30m}" --retries "${BORUTA_RETRIES:-2}"
[ -z "${BORUTA_HERE:-}" ] || set -- "$@" --here
[ -z "${BORUTA_IN:-}" ] || set -- "$@" --in "$BORUTA_IN"
[ -z "${BORUTA_KEEP_ALIVE:-}" ] || set -- "$@" --keep-alive "$BORUTA_KEEP_ALIVE"
[ -z "${BORUTA_FOR:-}" ] || set -- "$@" --for "$BORUTA_FOR"
set -f # the board's shell reads the patterns, not this one
for pattern in ${BORUTA_FETCH:-}; do set -- "$@" --fetch "$pattern"; done
[ -z "${BORUTA_FETCH:-}" ] || set -- "$@" --to "${BORUTA_TO:-.}"
# As this very process: a signal of the CI system reaches it, and it gives the board back.
exec ${BORUTA:-boruta} run "$@" -- "$BORUTA_RUN"
