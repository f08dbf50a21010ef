#!/bin/bash
# Makes this instance run what desired.json in the stack's bucket names. A run can be cut short
# anywhere: the next one continues from there, and the current generation keeps serving until a new
# one has proved itself.
#
# A generation is a runtime, a release and settings, named by the SHA-256 of its desired.json.
# Links point to generations: `current` serves, `previous` served before it, `next` is on trial.
# During a switch, `back` points to the generation to return to; to nothing at the first deploy.
#
#   converge.sh                         one run
#   converge.sh watch                   a run at once, and whenever there may be something to do
#   converge.sh rollback [GENERATION]   back to the previous generation, or to GENERATION
#   converge.sh generations             lists the generations, newest first

set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C
umask 022

library=${BASH_SOURCE[0]%/*}
root=${ONEBOX_ROOT:-}
opt=$root/opt/onebox
state=$root/var/lib/onebox
metadata_url=${METADATA_URL:-http://169.254.169.254}
site_url=${SITE_URL:-http://127.0.0.1}
# How long each worker may take to come up, how long those of an earlier reload may still drain, and
# how long a download may stall.
ready_seconds=${READY_SECONDS:-60}
drain_seconds=${DRAIN_SECONDS:-100}
stall_seconds=${STALL_SECONDS:-30}
# How often to ask S3 for changes, which `npx onebox cost` has the price of, and when to run again
# after one that could not finish.
poll_seconds=${POLL_SECONDS:-3}
retry_seconds=${RETRY_SECONDS:-5}
# How long to ask with the same credentials: new ones are valid for at least five minutes.
watch_seconds=${WATCH_SECONDS:-240}

# /healthz shows the report. The verdict on the wanted generation outlives a report of waiting.
report_file=$state/converge.json
verdict_file=$state/verdict.json

# Functions share what they learn in these. The generation that desired.json names, and its parts;
# the settings are lines of NAME=value:
wanted='' runtime='' release='' settings=''
# The role's credentials as lines of a curl configuration, and the HTTP status of S3's last answer:
credentials='' http_status=''
# How the server switches, reload or restart; why the last step failed; and what the log says of it:
change='' problem='' last_lines=''

main() {
  mkdir -p "$state" "$opt"/{runtimes,releases,generations}
  case ${1:-converge} in
    converge) converge ;;
    watch) watch ;;
    rollback) roll_back "${2:-}" ;;
    generations) newest_generations ;;
    *) fail "Unknown command $1: use converge, watch, rollback or generations" ;;
  esac
}

converge() {
  local since
  take_turn --nonblock || exit 0
  trap 'on_exit $? "$BASH_COMMAND"' EXIT
  grow_data_volume
  keep_serving
  recall
  read_desired
  if is_settled; then
    # What the last run waited for is over.
    report "$(<"$verdict_file")"
    exit 0
  fi

  read_plan
  fetch runtimes "$runtime" 400
  fetch releases "$release" 50
  check_data_volume
  report "$(status_json deploying)"
  build_generation
  try_out
  move_to "$wanted"
  since=$EPOCHSECONDS
  renew_workers "$wanted" || {
    # Requests are logged as info.
    read_log onebox.service "$since" --priority=warning
    refuse "$problem"
  }
  keep_way_back
  decide live
  prune
}

watch() {
  while true; do
    timeout --foreground 2h "$library/converge.sh" || true
    if has_settled; then await_change; else sleep "$retry_seconds"; fi
  done
}

roll_back() { # [GENERATION]
  local serving target reason
  take_turn --timeout 900 || fail 'A deploy is in progress: try again later'
  recall
  serving=$(named current)
  target=$(named previous)
  # The first characters of its name are enough.
  [[ -z $1 ]] || target=$(cd "$opt/generations" && printf '%s\n' "${1//[!0-9a-f]/-}"*)
  [[ -n $target && -d $opt/generations/$target ]] ||
    fail 'No such generation: "onebox releases" lists them'
  [[ $target != "$serving" ]] || fail 'That generation is already serving'

  move_to "$target"
  if renew_workers "$target"; then
    keep_way_back
    decide_by_hand "$target"
  else
    reason=$problem
    go_back
    decide_by_hand "$serving"
    fail "$reason; the rollback was undone"
  fi
}

# One run at a time. The lock lasts as long as the file is open, and only root can open it.
take_turn() { # FLOCK_OPTION...
  (umask 077 && touch "$state/lock")
  exec 9>"$state/lock"
  flock "$@" 9
}

# Unexpected failures are reported and retried, too.
on_exit() { # EXIT_CODE COMMAND
  (( $1 == 0 )) || wait_because "converge.sh failed with exit code $1 at: $2"
}

# Grows the file system after the volume has grown.
grow_data_volume() {
  has_its_size || system reload onebox-data-volume.service || log "$problem"
}

# Whether the data volume has the size that its file system was grown to.
has_its_size() {
  local disk noted sectors file=$root/run/onebox-data-volume
  [[ -s $file ]] || return 0
  read -r disk noted <"$file"
  read -r sectors <"$root/sys/class/block/$disk/size"
  [[ $sectors == "$noted" ]]
}

# Starts the server if it was stopped, or if the boot left it out.
keep_serving() {
  [[ ! -L $opt/current ]] || system is-active onebox.service ||
    system start --no-block onebox.service || log "$problem"
}

# Until something newer can be read, reports name what the last run knew.
recall() {
  local last
  last=$(read_file "$report_file")
  wanted=$(member desired "$last")
  runtime=$(member runtime "$last")
  release=$(member release "$last")
}

# Watching -------------------------------------------------------------------------------------

has_settled() {
  [[ $(member status "$(read_file "$report_file")") == @(live|rejected) ]]
}

# Waits until desired.json may have changed, or the server or the data volume. Starts no process for a
# look, as it looks every few seconds.
await_change() {
  local code
  # The run has just asked.
  sleep "$poll_seconds"
  while read -r -t 30 code && [[ $code == 304 ]] && is_undisturbed; do :; done < <(ask_again_and_again)
  kill "$!" 2>/dev/null || true
}

is_undisturbed() {
  # systemd removes the control group of a service that has stopped.
  has_its_size && [[ ! -L $opt/current || -d $root/sys/fs/cgroup/system.slice/onebox.service ]]
}

# Asks S3 for another desired.json than ours, for minutes over one connection. Prints each answer's
# HTTP status: curl writes to standard error at once.
ask_again_and_again() {
  read_credentials
  {
    exec curl --silent --config <(questions) --aws-sigv4 "aws:amz:$REGION:s3" \
      --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --connect-timeout 10 --max-time 20 \
      --rate "$(( 3600 / poll_seconds ))/h" --write-out '%{stderr}%{http_code}\n' >/dev/null
  } 2>&1
}

questions() {
  local count etag
  etag=$(read_file "$state/desired.etag")
  echo "$credentials"
  echo "header = \"If-None-Match: ${etag//\"/\\\"}\""
  for (( count = watch_seconds / poll_seconds; count > 0; count-- )); do
    echo "url = \"$BUCKET_URL/desired.json\""
  done
}

# What is wanted -------------------------------------------------------------------------------

# An interrupted switch is finished first, without reading anything from outside.
read_desired() {
  local new=$state/desired.new
  if [[ ! -L $opt/back || ! -s $state/desired.json ]]; then
    [[ -s $state/desired.json ]] || rm -f "$state/desired.etag"
    # It contains the hashes of tokens.
    install --mode=600 /dev/null "$new"
    read_credentials ||
      wait_because 'The metadata service returned no credentials: does the instance have its role?'
    get_object desired.json "$new" --max-time 60 --max-filesize 65536 \
      --etag-compare "$state/desired.etag" --etag-save "$new.etag"
    [[ $http_status == 304 ]] || keep_desired "$new"
  fi
  wanted=$(sha256_of "$state/desired.json")
}

# The ETag comes last. Losing it costs one more read; saved without its file, it would hide an update.
keep_desired() { # FILE
  sync "$1"
  mv "$1" "$state/desired.json"
  mv "$1.etag" "$state/desired.etag"
}

# There is nothing to do if the wanted generation serves, or was rejected and does not serve.
is_settled() {
  local last
  last=$(read_file "$verdict_file")
  [[ ! -L $opt/back && $(member desired "$last") == "$wanted" ]] || return 1
  case $(member status "$last") in
    live) [[ $(named current) == "$wanted" ]] ;;
    rejected) [[ $(named current) != "$wanted" ]] ;;
    *) return 1 ;;
  esac
}

read_plan() {
  local plan
  runtime='' release=''
  plan=$(python3 -I "$library/read-json.py" desired <"$state/desired.json" 2>&1) || {
    # Our copy may be damaged: the next run reads it again.
    rm -f "$state/desired.etag"
    refuse "$plan"
  }
  { read -r runtime release && settings=$(cat); } <<<"$plan"
}

# curl gets them on its standard input, so they never appear in an argument, a file or the log.
read_credentials() {
  local token role answer
  token=$(ask_metadata api/token 'request = PUT' \
    'header = "X-aws-ec2-metadata-token-ttl-seconds: 60"')
  token="header = \"X-aws-ec2-metadata-token: $token\""
  role=$(ask_metadata meta-data/iam/security-credentials/ "$token")
  answer=$(ask_metadata "meta-data/iam/security-credentials/$role" "$token")
  [[ -n $(member Token "$answer") ]] || return 1
  credentials="user = \"$(member AccessKeyId "$answer"):$(member SecretAccessKey "$answer")\"
header = \"x-amz-security-token: $(member Token "$answer")\""
}

ask_metadata() { # PATH CURL_CONFIG_LINE...
  local path=$1
  shift
  printf '%s\n' "$@" | curl --silent --fail --config - --noproxy '*' \
    --connect-timeout 2 --max-time 5 "$metadata_url/latest/$path" || true
}

# Fetching -------------------------------------------------------------------------------------

# Fetches, checks and unpacks an archive, named by its SHA-256, unless it is already there.
fetch() { # KIND ID MIB_NEEDED
  local key=$1/$2.tar.zst archive=$opt/download draft=$opt/$1/draft digest started fetched
  [[ ! -d $opt/$1/$2 ]] || return 0
  need_space "$opt" "$3"
  started=$(uptime_seconds)
  get_object "$key" "$archive" --max-time 900
  fetched=$(uptime_seconds)
  digest=$(sha256_of "$archive")
  [[ $digest == "$2" ]] || refuse "$key is damaged: its SHA-256 is $digest"
  unpack "$archive" "$draft" || refuse_or_wait "Cannot unpack $key: $problem"
  rm "$archive"
  put_in_place "$draft" "$opt/$1/$2"
  log "Fetched $key in $(( fetched - started )) s, checked and unpacked it in $(( $(uptime_seconds) - fetched )) s"
}

# GETs an object from the bucket. Any answer but 200 and 304 ends the run; the next one retries.
get_object() { # KEY FILE CURL_OPTION...
  local key=$1 file=$2 status=0 code
  shift 2
  # S3 requires this header even without a body.
  http_status=$(echo "$credentials" | curl --silent --config - --output "$file" \
    --aws-sigv4 "aws:amz:$REGION:s3" --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
    --connect-timeout 10 --speed-limit 1000 --speed-time "$stall_seconds" --write-out '%{http_code}' \
    "$@" "$BUCKET_URL/$key") || status=$?
  # 60 is an invalid certificate. Most look invalid when the clock is wrong.
  (( status != 60 )) ||
    wait_because "Cannot fetch $key from S3 (curl error 60): is the clock of this instance right?"
  (( status == 0 )) || wait_because "Cannot fetch $key from S3 (curl error $status)"
  case $http_status in 200 | 304) return ;; esac
  code=$(error_code "$file")
  case "$http_status $code" in
    *RequestTimeTooSkewed)
      wait_because "The clock of this instance is wrong, so S3 rejects requests: see timedatectl" ;;
    403* | 404*)
      wait_because "S3 answered $http_status${code:+ $code} for $key: not uploaded yet, or not permitted" ;;
    *) wait_because "S3 answered $http_status${code:+ $code} for $key" ;;
  esac
}

# The error code in S3's answer, if it has one.
error_code() { # FILE
  local answer=''
  [[ ! -s $1 ]] || answer=$(head --bytes=2000 "$1" | tr --delete '\0')
  if [[ $answer =~ \<Code\>([A-Za-z]+)\</Code\> ]]; then echo "${BASH_REMATCH[1]}"; fi
}

unpack() { # ARCHIVE FOLDER
  rm -rf "$2"
  mkdir "$2"
  attempt tar --extract --zstd --no-same-owner --no-same-permissions --file "$1" --directory "$2"
}

# Renames a folder once all of it is on the disk.
put_in_place() { # DRAFT FOLDER
  sync --file-system "$1"
  mv --no-target-directory "$1" "$2"
  sync --file-system "$2"
}

check_data_volume() {
  system is-active onebox-data-volume.service ||
    wait_because 'The data volume is not mounted: see onebox logs'
  need_space "$root/data" 32
}

need_space() { # PATH MIB
  local free_mib
  free_mib=$(df --block-size=1M --output=avail "$1" | tail -n 1)
  (( free_mib >= $2 )) || wait_because "The disk that holds $1 is full: $2 MiB must be free"
}

# Trying and switching -------------------------------------------------------------------------

build_generation() {
  local draft=$opt/generations/draft
  if [[ ! -d $opt/generations/$wanted ]]; then
    rm -rf "$draft"
    mkdir "$draft"
    ln --symbolic "../../runtimes/$runtime" "$draft/runtime"
    ln --symbolic "../../releases/$release" "$draft/release"
    (umask 077 && echo "$settings" >"$draft/settings.env")
    put_in_place "$draft" "$opt/generations/$wanted"
  fi
  point next "$wanted"
}

# Tries the new release in the sandbox that the server runs in, then has it migrate the database. A
# restart, because a trial from an interrupted run may still be running.
try_out() {
  local unit=onebox-canary.service since=$EPOCHSECONDS result line
  if system restart "$unit"; then return; fi
  result=$(systemctl show --property=Result --value "$unit")
  read_log "$unit" "$since"
  line=$(last_error)
  system reset-failed "$unit" || true
  refuse_or_wait "canary failed ($result): ${line:-$problem}"
}

# Reads the end of a unit's log, without Node's own part of stacks and the values of secret settings.
read_log() { # UNIT SINCE [JOURNALCTL_OPTION...]
  local name value
  journalctl --sync || true
  last_lines=$(journalctl --quiet --output=cat --lines=50 --since="@$2" "${@:3}" "_SYSTEMD_UNIT=$1" |
    grep --invert-match --extended-regexp '^ *(\^.*|at .*node:.*|Node\.js v.*)?$') || true
  while IFS='=' read -r name value; do
    [[ $name != *@(KEY|PASSWORD|SECRET|TOKEN)* ]] || last_lines=${last_lines//"$value"/"<$name>"}
  done <<<"$settings"
}

# The last error among them, else the last line: a stack follows the error.
last_error() {
  { grep --extended-regexp '^(onebox|[A-Za-z]*Error):' <<<"$last_lines" || echo "$last_lines"; } | tail -n 1
}

# One rename switches runtime, release and settings.
move_to() { # GENERATION
  local serving
  serving=$(named current)
  change=restart
  if can_reload "$serving" "$1"; then change=reload; fi
  if [[ $serving != "$1" ]]; then
    point back "$serving"
    point current "$1"
  fi
}

# A reload keeps pm2's Node, settings and number of workers, and adds to the workers' environment
# without removing anything. After an interrupted switch pm2's state is unknown, and unhealthy
# workers cannot be reloaded.
can_reload() { # FROM TO
  local from=$opt/generations/$1 to=$opt/generations/$2
  [[ -n $1 && ! -L $opt/back ]] &&
    [[ $(readlink "$from/runtime") == $(readlink "$to/runtime") ]] &&
    cmp --quiet {"$from","$to"}/release/ecosystem.config.cjs &&
    [[ -z $(comm -23 <(setting_names "$from") <(setting_names "$to")) ]] &&
    [[ $(worker_count "$1") == $(worker_count "$2") ]] &&
    [[ $(workers --fail | wc -l) == $(worker_count "$1") ]]
}

setting_names() { # GENERATION_FOLDER
  cut --delimiter== --fields=1 "$1/settings.env" | sort
}

# Only workers that answer prove a switch: pm2 and systemctl report success for less, and a reload
# that kills pm2 never ends.
renew_workers() { # GENERATION
  local release count before pid deadline seen
  release=$(readlink "$opt/generations/$1/release")
  count=$(worker_count "$1")
  before=$(workers)
  if [[ $change == reload ]]; then
    system reload --no-block onebox.service
  else
    system restart onebox.service
  fi || return 1
  pid=$(main_pid)
  deadline=$(( $(uptime_seconds) + count * ready_seconds + drain_seconds ))
  until seen=$(workers --fail) && are_new "$seen" "${release##*/}" "$count" "$before"; do
    problem="Not all $count workers came up with the release: ${seen:-none}"
    [[ $(main_pid) == "$pid" ]] && (( $(uptime_seconds) < deadline )) || return 1
    sleep 0.5
  done
}

main_pid() {
  systemctl show --property=MainPID --value onebox.service
}

uptime_seconds() {
  local seconds
  IFS=. read -r seconds _ </proc/uptime
  echo "$seconds"
}

# A new worker's start time was not seen before. It may be earlier, as the clock can be set back.
are_new() { # SEEN RELEASE COUNT BEFORE
  local release started_at is_draining count=0
  while read -r _ release started_at is_draining; do
    [[ $release == "$2" && $is_draining == false && $4 != *"$started_at"* ]] || return 1
    count=$(( count + 1 ))
  done <<<"$1"
  (( count == $3 ))
}

# A line for each worker: name, release, start, whether it drains. Nothing if there is no answer.
workers() { # [CURL_OPTION]
  local health worker is_draining
  health=$(curl --silent --max-time 5 --noproxy '*' "$@" "$site_url/healthz" || true)
  while [[ $health =~ \{[^{}]*\"startedAt\"[^{}]*\} ]]; do
    worker=${BASH_REMATCH[0]}
    health=${health#*"$worker"}
    is_draining=true
    [[ $worker != *'"draining":false'* ]] || is_draining=false
    echo "$(member worker "$worker") $(member release "$worker")" \
      "$(member startedAt "$worker") $is_draining"
  done
}

worker_count() { # GENERATION
  local count
  count=$(sed -n 's/^WEB_CONCURRENCY=//p' "$opt/generations/$1/settings.env")
  echo "${count:-$(nproc)}"
}

keep_way_back() {
  [[ -z $(named back) ]] || mv --no-target-directory "$opt/back" "$opt/previous"
}

# Returns to the generation that served before, or stops the server if there was none.
go_back() {
  local back
  back=$(named back)
  change=restart
  if [[ -z $back ]]; then
    rm "$opt/current"
    system stop onebox.service onebox{,-https}.socket || log "$problem"
  else
    point current "$back"
    renew_workers "$back" || log "The old generation does not come up: $problem"
  fi
}

# Verdicts and reports -------------------------------------------------------------------------

refuse() { # REASON
  if [[ $(named current) == "$wanted" ]]; then
    # A generation that already serves, and is only being proved again, keeps serving.
    [[ -L $opt/back ]] || wait_because "$1"
    go_back
  fi
  decide rejected "$1"
  prune
  exit 0
}

refuse_or_wait() { # REASON
  case $1 in *'disk is full'* | *ENOSPC* | *'No space left'*) wait_because "$1" ;; esac
  refuse "$1"
}

wait_because() { # REASON
  report "$(status_json waiting "$1")"
  exit 0
}

decide_by_hand() { # SERVING_GENERATION
  if [[ $1 == "$wanted" ]]; then decide live; else decide rejected 'Rolled back by hand'; fi
}

# Ends the trial of the wanted generation: the verdict stands until desired.json changes.
decide() { # live|rejected [REASON]
  local verdict
  verdict=$(status_json "$@")
  write_file "$verdict_file" <<<"$verdict"
  rm -f "$opt/back"
  report "$verdict"
}

# Shows a status in /healthz and in the log, unless only its time is new.
report() { # STATUS_JSON
  local last release reason
  last=$(read_file "$report_file")
  [[ ${last%,\"at\"*} != "${1%,\"at\"*}" ]] || return 0
  write_file "$report_file" <<<"$1"
  release=$(member release "$1")
  reason=$(member reason "$1")
  log "$(member status "$1")${release:+, release ${release::12}}${reason:+: $reason}"
}

# To the journal. Other characters could fake lines there.
log() { # LINE
  echo "${1//[^ -~]/ }"
}

status_json() { # STATUS [REASON]
  local reason line log=''
  reason=$(json_text "${2:-}")
  printf '{"status":"%s"' "$1"
  printf '%s' "${wanted:+,\"desired\":\"$wanted\"}" "${release:+,\"release\":\"$release\"}" \
    "${runtime:+,\"runtime\":\"$runtime\"}" "${reason:+,\"reason\":\"$reason\"}"
  if [[ $1 == rejected && -n $last_lines ]]; then
    while IFS='' read -r line; do log+=",\"$(json_text "$line")\""; done < <(tail -n 5 <<<"$last_lines")
    printf ',"log":[%s]' "${log:1}"
  fi
  printf ',"at":"%(%Y-%m-%dT%H:%M:%SZ)T"}\n' -1
}

# At most 300 characters that need no escapes.
json_text() { # TEXT
  local text=${1//[^ -~]/ }
  text=${text//\"/\'}
  text=${text//\\//}
  echo "${text::300}"
}

# Keeps three generations, linked ones first, then the newest, with their runtimes and releases.
prune() {
  local path kept used
  kept=$(
    { named current && named previous && named next && newest_generations; } |
      awk 'NF && !seen[$0]++' | head -n 3
  )
  for path in "$opt"/generations/*; do
    [[ $kept == *"${path##*/}"* ]] || rm -rf "$path"
  done
  used=$(readlink "$opt"/generations/*/{runtime,release} || true)
  for path in "$opt"/{runtimes,releases}/*; do
    [[ $used == *"${path##*/}"* ]] || rm -rf "$path"
  done
  rm -f "$opt/download"
}

newest_generations() {
  find "$opt/generations" -mindepth 1 -maxdepth 1 ! -name draft -printf '%T@ %f\n' |
    sort -nr | cut -d ' ' -f 2
}

# Utilities ------------------------------------------------------------------------------------

system() { # SYSTEMCTL_ARGUMENT...
  attempt timeout --foreground 900 systemctl "$@"
}

# Runs a command. If it fails, its output is the problem.
attempt() { # COMMAND...
  problem=$("$@" 2>&1)
}

# Points a link to a generation, in one rename.
point() { # LINK GENERATION
  ln --symbolic --force --no-dereference "generations/$2" "$opt/$1.new"
  mv --no-target-directory "$opt/$1.new" "$opt/$1"
  sync --file-system "$opt"
}

# The generation that a link points to, if any.
named() { # LINK
  local target
  target=$(readlink "$opt/$1") || true
  echo "${target##*/}"
}

# The text of a member of a flat JSON object, or nothing.
member() { # NAME JSON
  if [[ $2 =~ \"$1\"\ *:\ *\"([^\"]*)\" ]]; then echo "${BASH_REMATCH[1]}"; fi
}

sha256_of() { # FILE
  local line
  line=$(sha256sum "$1")
  echo "${line%% *}"
}

read_file() { # FILE
  [[ ! -e $1 ]] || cat "$1"
}

write_file() { # FILE < CONTENT
  cat >"$1.new"
  sync "$1.new"
  mv "$1.new" "$1"
}

fail() { # LINE
  echo "$1" >&2
  exit 1
}

main "$@"
