#!/bin/sh
# Tries the project board on a real GitHub and prints what it checked. Run it once with a token of a throw-away
# account or organization:
#
#   GITHUB_TOKEN=... tests/board/real.sh OWNER [PATH-OF-reconciler] [OWNER/REPOSITORY]
#
# With a repository each sync has a lease there: a branch below reconciler/lease/. It makes one project, `reconciler trial`, with three cards, and puts them into its archive at the end; delete
# the project yourself. It works in a temporary folder and leaves nothing on this machine.
set -eu

owner=${1:?usage: GITHUB_TOKEN=... real.sh OWNER [PATH-OF-reconciler]}
program=${2:-reconciler}
repository=${3:+",\"repository\":\"$3\""}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export TMUX_TMPDIR="$folder" XDG_STATE_HOME="$folder/state-home"

git init -q -b main .
git config user.name trial
git config user.email trial@example.org
mkdir -p state/tasks
echo '.reconciler/' > .gitignore

task() {
  printf '{"apiVersion":"reconciler.dev/v1alpha1","kind":"Task","metadata":{"name":"%s"},"spec":{"command":"true","suspend":true,"title":"Trial %s","priority":%s}}\n' \
    "$1" "$1" "$2" > "state/tasks/$1.json"
}
commit() { git add -A && git commit -q -m "$1"; }
ask() { "$program" -q "$@"; }
count() { ask board sync -o json | sed -n "s/^ *\"$1\": \([0-9]*\).*/\1/p"; }
failed=0
check() {
  if [ "$2" = "$3" ]; then echo "ok    $1"; else echo "FAIL  $1: $2, expected $3"; failed=1; fi
}

commit first --allow-empty 2> /dev/null || git commit -q --allow-empty -m first
ask board init "$owner" --title 'reconciler trial' > made
sed 's/^/      /' made
number=$(sed -n 's/^project \([0-9]*\) of .*/\1/p' made)
check 'a second init makes nothing' "$(ask board init "$owner" --title 'reconciler trial' | grep -c '^  made' || true)" 0
cat > state/policy.json <<END
{"apiVersion":"reconciler.dev/v1alpha1","kind":"Policy","metadata":{"name":"policy"},"spec":{"github":{"board":{"owner":"$owner","number":$number}$repository}}}
END
for name in one two three; do task "$name" 3; done
commit 'three tasks'
token=$GITHUB_TOKEN
unset GITHUB_TOKEN
ask run --once > /dev/null
export GITHUB_TOKEN="$token"
check 'three cards are made' "$(count created)" 3
check 'a second sync changes nothing' "$(count requests)" 0
rm .reconciler/board.json
check 'forgotten cards are found by their marks' "$(count created)" 0
task one 1
commit 'another priority'
check 'one changed value is one request' "$(count requests)" 1
rm state/tasks/*.json
commit 'no tasks'
unset GITHUB_TOKEN
ask run --once --allow-empty > /dev/null
export GITHUB_TOKEN="$token"
check 'cards of deleted tasks go into the archive' "$(count archived)" 3
check 'and stay there' "$(count requests)" 0
[ "$failed" = 0 ] && echo 'all is as it should be; please tell us, with the lines above'
exit "$failed"
