#!/bin/sh
# Tries the project board on a real GitHub and prints what it checked. Run it once with a token of a throw-away
# account or organization:
#
#   GITHUB_TOKEN=... tests/board/real.sh OWNER [PATH-OF-reconciler] [OWNER/REPOSITORY]
#
# It makes one project, `reconciler trial`, with three cards, and puts them into its archive at the end; delete
# the project yourself. With a throw-away repository, which has no checks, each sync has a lease there (a branch),
# and issues and pull requests are tried in it: it makes an issue, which it closes, a pull request into a branch of
# its own, which it merges, and removes all branches that it made. It works in a temporary folder and
# leaves nothing on this machine. It needs curl.
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

finish() {
  [ "$failed" = 0 ] && echo 'all is as it should be; please tell us, with the lines above'
  exit "$failed"
}
if [ $# -lt 3 ]; then
  echo 'skip  issues and pull requests: no repository was named'
  finish
fi

# From here on in the throw-away repository. GITHUB_TOKEN needs Issues, Pull requests and Contents: read and write.
remote=${TRIAL_REMOTE:-https://github.com/$3.git}
api=${GITHUB_API_URL:-https://api.github.com}
object() {
  mkdir -p "$(dirname "state/$1.json")"
  printf '{"apiVersion":"reconciler.dev/v1alpha1","kind":"%s","metadata":{"name":"%s"},"spec":%s}\n' \
    "$2" "${1##*/}" "$3" > "state/$1.json"
}
# Makes a repository with one worker, whose agent does nothing.
begin() {
  mkdir "$folder/$1" && cd "$folder/$1"
  git init -q -b main .
  git config user.name trial
  git config user.email trial@example.org
  git config credential.helper '!f() { echo username=x-access-token; echo "password=$GITHUB_TOKEN"; }; f'
  git remote add origin "$remote"
  object agents/idle Agent '{"argv":["/bin/sh","-c","true","agent","{prompt}"]}'
  object workers/trial Worker '{"agent":"idle"}'
  object workers/shell Worker '{"agent":"shell"}'
}
rest() { # METHOD PATH [BODY]
  curl -fsS -X "$1" -H "authorization: Bearer $GITHUB_TOKEN" -H 'content-type: application/json' \
    ${3:+-d "$3"} "$api/repos/$repo$2"
}
repo=$3
# Tries a command until its output has these words, at most so often, and says whether it has them.
until_told() { # WORDS TIMES COMMAND...
  words=$1 times=$2
  shift 2
  while [ "$times" -gt 0 ]; do
    if "$@" | grep -q "$words"; then echo yes; return; fi
    times=$((times - 1))
    sleep 1
  done
  echo no
}

begin issues
object policy Policy "{\"proposals\":\"accept\",\"merge\":{\"method\":\"none\"},\"github\":{\"repository\":\"$repo\",\"pull\":[{\"label\":\"reconciler-trial\",\"worker\":\"trial\"}],\"pollSeconds\":10}}"
commit first
ask trust --yes > /dev/null
push() { ask task push --title 'reconciler trial' --body 'Nothing is to be done.' --label reconciler-trial; }
made=$(push)
issue=$(echo "$made" | sed -n 's/^issue #\([0-9]*\) made.*/\1/p')
echo "      $made"
check 'a task that is pushed twice is one issue' "$(until_told "#$issue is there already" 1 push)" yes
"$program" -q run > loop.log 2>&1 &
loop=$!
issues() { ask task issues -o json; }
check 'the issue is claimed, worked and completed' "$(until_told '"state": "completed"' 120 issues)" yes
comments() { rest GET "/issues/$issue/comments"; }
check 'who claimed it says so in a comment' "$(until_told 'Task claimed by' 1 comments)" yes
check 'who completed it says so as well' "$(until_told 'Task completed!' 30 comments)" yes
check 'it is labelled completed' "$(until_told '"completed"' 1 rest GET "/issues/$issue/labels")" yes
kill -INT "$loop"
wait "$loop" || true
rest PATCH "/issues/$issue" '{"state":"closed"}' > /dev/null
rest DELETE "/git/refs/heads/reconciler/claims/issue-$issue-reconciler-trial" > /dev/null || true
check 'it is closed, and its claim is gone' "$(git ls-remote origin "refs/heads/reconciler/claims/issue-$issue-*" | wc -l | tr -d ' ')" 0

begin pulls
lands() {
  object policy Policy "{\"branchFormat\":\"reconciler-trial-{task}\",\"merge\":{\"by\":\"pullRequest\",\"remote\":\"origin\",\"target\":\"reconciler-trial\",\"checks\":\"$1\"},\"github\":{\"repository\":\"$repo\",\"intervalSeconds\":2}}"
  commit "checks: $1"
}
lands all
ask trust --yes > /dev/null
git branch reconciler-trial
git push -q --force origin reconciler-trial
object tasks/work Task '{"title":"reconciler trial","command":"echo trial > trial.txt && git add trial.txt && git commit -q -m trial"}'
commit 'a task'
looked() { ask run --once > /dev/null && ask describe work; }
check 'a pull request is opened, and its checks are read: there are none' "$(until_told 'ChecksPassed .*NoChecks' 60 looked)" yes
sed -n 's/.*\(pull request #[0-9]* ([^)]*)\).*/      \1/p' <<END | head -n 1
$(ask describe work)
END
check 'what asks for all checks is not merged without any' "$(git ls-remote origin refs/heads/reconciler-trial | cut -f 1)" "$(git rev-parse reconciler-trial)"
lands required
check 'it is merged when none is asked for' "$(until_told 'by pull request #' 60 looked)" yes
git fetch -q origin reconciler-trial
check 'and its work is on the target there' "$(git show FETCH_HEAD:trial.txt)" trial
check 'and on the target here' "$(git show reconciler-trial:trial.txt)" trial
lease="reconciler/lease/project-$(echo "$owner" | tr '[:upper:]' '[:lower:]')-$number"
for branch in reconciler-trial reconciler-trial-work "$lease"; do
  git push -q origin --delete "$branch" 2> /dev/null || true
done
check 'its branches are gone, and the lease' "$(git ls-remote origin 'refs/heads/reconciler*' | wc -l | tr -d ' ')" 0
finish
