#!/bin/bash
# Makes this instance run what desired.json in the stack's bucket names. It is started every few
# seconds and at boot. Wherever a run ends, the next one goes on from there, and what serves goes
# on serving until something new has proved itself.
#
# A generation is a runtime, a release and settings, named by the SHA-256 of its desired.json.
# Links name generations: `current` serves, `previous` did before, `next` is on trial; and while a
# switch is under way, `back` is where a failure leads, or to nothing at the first deploy.
#
#   converge.sh                         one run
#   converge.sh rollback [GENERATION]   back to the previous generation, or to this one

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
# How long workers may take to come up, and in a reload each one's predecessor to drain; and how
# long a download may stand still.
ready_seconds=${READY_SECONDS:-60}
drain_seconds=${DRAIN_SECONDS:-40}
stall_seconds=${STALL_SECONDS:-30}

# What everyone is told, and what is remembered while something is waited for.
report=$state/converge.json
verdict=$state/verdict.json

wanted='' runtime='' release=''

main() {
  mkdir -p "$state" "$opt"/{runtimes,releases,generations}
  case ${1:-converge} in
    converge) converge ;;
    rollback) roll_back "${2:-}" ;;
    *) fail "The command must be converge or rollback, got $1" ;;
  esac
}

converge() {
  take_turn --nonblock || exit 0
  trap 'on_exit $? "$BASH_COMMAND"' EXIT
  grow_data_volume
  keep_serving
  recall
  read_desired
  if is_settled; then
    repeat_verdict
    exit 0
  fi

  read_plan
  fetch runtimes "$runtime" 400
  fetch releases "$release" 50
  check_data_volume
  tell deploying
  build_generation
  try canary
  try migrate
  move_to "$wanted"
  renew_workers "$wanted" || refuse "$problem"
  keep_way_back
  decide live
  prune
}

roll_back() { # [GENERATION]
  local serving target reason
  take_turn --timeout 900 || fail 'A deploy is under way: try again later'
  recall
  serving=$(named current)
  target=$(named previous)
  # The beginning of its name will do.
  [[ -z $1 ]] || target=$(cd "$opt/generations" && printf '%s\n' "${1//[!0-9a-f]/-}"*)
  [[ -n $target && -d $opt/generations/$target ]] ||
    fail 'There is no such generation: "onebox releases" lists them'
  [[ $target != "$serving" ]] || fail 'That generation serves already'

  move_to "$target"
  if renew_workers "$target"; then
    keep_way_back
    decide_by_hand "$target"
  else
    reason=$problem
    go_back
    decide_by_hand "$serving"
    fail "$reason; went back to what served before"
  fi
}

# One at a time: the lock lasts as long as the file is open, which nobody else may do.
take_turn() { # OPTION OF flock...
  (umask 077 && touch "$state/lock")
  exec 9>"$state/lock"
  flock "$@" 9
}

# What goes wrong unforeseen is tried again, too, and is not kept secret.
on_exit() { # STATUS COMMAND
  (( $1 == 0 )) || wait_because "converge.sh ended with $1 at: $2"
}

# Makes the file system follow a volume that was enlarged.
grow_data_volume() {
  local disk sectors noted=$root/run/onebox-data-volume
  [[ -s $noted ]] || return 0
  read -r disk sectors <"$noted"
  [[ $(<"$root/sys/class/block/$disk/size") == "$sectors" ]] ||
    system reload onebox-data-volume.service || say "$problem"
}

# What a boot has left out, or somebody has stopped, comes back.
keep_serving() {
  [[ ! -L $opt/current ]] || system is-active onebox.service ||
    system start --no-block onebox.service || say "$problem"
}

# What the last run knew, for as long as nothing newer can be read.
recall() {
  local last
  last=$(read_file "$report")
  wanted=$(member desired "$last")
  runtime=$(member runtime "$last")
  release=$(member release "$last")
}

# What is wanted -------------------------------------------------------------------------------

# A switch that was cut short is finished first, for which nothing from outside is needed.
read_desired() {
  local new=$state/desired.new
  if [[ ! -L $opt/back || ! -s $state/desired.json ]]; then
    [[ -s $state/desired.json ]] || rm -f "$state/desired.etag"
    # The hashes of tokens are in there.
    install --mode=600 /dev/null "$new"
    read_credentials
    get_object desired.json "$new" --max-time 60 --max-filesize 65536 \
      --etag-compare "$state/desired.etag" --etag-save "$new.etag"
    [[ $http_status == 304 ]] || keep_desired "$new"
  fi
  wanted=$(sha256_of "$state/desired.json")
}

# The ETag last: lost, it costs one more read; too early, it would hide what it stands for.
keep_desired() { # FILE
  sync "$1"
  mv "$1" "$state/desired.json"
  mv "$1.etag" "$state/desired.etag"
}

# Nothing is to be done where the wanted generation serves, or was refused and does not.
is_settled() {
  local last
  last=$(read_file "$verdict")
  [[ ! -L $opt/back && $(member desired "$last") == "$wanted" ]] || return 1
  case $(member status "$last") in
    live) [[ $(named current) == "$wanted" ]] ;;
    rejected) [[ $(named current) != "$wanted" ]] ;;
    *) return 1 ;;
  esac
}

# Once what was waited for is over, everyone is told the verdict again.
repeat_verdict() {
  local last
  last=$(read_file "$verdict")
  [[ $(read_file "$report") == "$last" ]] || publish "$last"
}

read_plan() {
  local plan
  runtime='' release=''
  plan=$(python3 -I "$library/read-json.py" desired <"$state/desired.json" 2>&1) || {
    # Should our copy be what is wrong with it, it is not kept for ever.
    rm -f "$state/desired.etag"
    refuse "$plan"
  }
  { read -r runtime release && settings=$(cat); } <<<"$plan"
}

# The role's credentials, as lines for curl's standard input: in no argument, file or log.
read_credentials() {
  local token role answer
  token=$(ask_metadata api/token 'request = PUT' \
    'header = "X-aws-ec2-metadata-token-ttl-seconds: 60"')
  token="header = \"X-aws-ec2-metadata-token: $token\""
  role=$(ask_metadata meta-data/iam/security-credentials/ "$token")
  answer=$(ask_metadata "meta-data/iam/security-credentials/$role" "$token")
  [[ -n $(member Token "$answer") ]] ||
    wait_because 'The metadata service gives no credentials: has the instance its role?'
  credentials="user = \"$(member AccessKeyId "$answer"):$(member SecretAccessKey "$answer")\"
header = \"x-amz-security-token: $(member Token "$answer")\""
}

ask_metadata() { # PATH LINE OF curl's CONFIGURATION...
  local path=$1
  shift
  printf '%s\n' "$@" | curl --silent --fail --config - --noproxy '*' \
    --connect-timeout 2 --max-time 5 "$metadata_url/latest/$path" || true
}

# Fetching -------------------------------------------------------------------------------------

# Unpacks an archive of the bucket, named by its SHA-256, unless it is there already.
fetch() { # KIND ID MIB_NEEDED
  local key=$1/$2.tar.zst archive=$opt/download draft=$opt/$1/draft digest asked come
  [[ ! -d $opt/$1/$2 ]] || return 0
  need_space "$opt" "$3"
  asked=$(uptime_seconds)
  get_object "$key" "$archive" --max-time 900
  come=$(uptime_seconds)
  digest=$(sha256_of "$archive")
  [[ $digest == "$2" ]] || refuse "$key is damaged: its SHA-256 is $digest"
  unpack "$archive" "$draft" || refuse_or_wait "$key cannot be unpacked: $problem"
  rm "$archive"
  put_in_place "$draft" "$opt/$1/$2"
  say "Fetched $key in $(( come - asked )) s, checked and unpacked it in $(( $(uptime_seconds) - come )) s"
}

# GETs an object of the bucket; any answer but 200 and 304 is something to wait for.
get_object() { # KEY FILE OPTION OF curl...
  local key=$1 file=$2 status=0 code
  shift 2
  # S3 insists on hearing of the body even where there is none.
  http_status=$(echo "$credentials" | curl --silent --config - --output "$file" \
    --aws-sigv4 "aws:amz:$REGION:s3" --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
    --connect-timeout 10 --speed-limit 1000 --speed-time "$stall_seconds" --write-out '%{http_code}' \
    "$@" "$BUCKET_URL/$key") || status=$?
  # 60 is a certificate that is not valid, which most are at a wrong time.
  (( status != 60 )) ||
    wait_because "S3 does not deliver $key (curl error 60): is the clock of this instance right?"
  (( status == 0 )) || wait_because "S3 does not deliver $key (curl error $status)"
  case $http_status in 200 | 304) return ;; esac
  code=$(error_code "$file")
  case "$http_status $code" in
    *RequestTimeTooSkewed)
      wait_because "The clock of this instance is wrong, so S3 refuses $key: see timedatectl" ;;
    403* | 404*)
      wait_because "S3 answers $http_status${code:+ $code} for $key: not there yet, or not permitted" ;;
    *) wait_because "S3 answers $http_status${code:+ $code} for $key" ;;
  esac
}

# S3's own word for a refusal, if its answer has one.
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

# All of a folder is on the disk before it goes by its name.
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
  (( free_mib >= $2 )) || wait_because "The disk of $1 is full: $2 MiB must be free"
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

# Runs a command of the release on trial in the sandbox that it is to serve in. By a restart, as
# that of an interrupted run may still be at work.
try() { # canary|migrate
  local unit=onebox@$1.service since=$EPOCHSECONDS result words
  if system restart "$unit"; then return; fi
  result=$(systemctl show --property=Result --value "$unit")
  words=$(last_words "$unit" "$since")
  system reset-failed "$unit" || true
  refuse_or_wait "$1 failed ($result): ${words:-$problem}"
}

# Its last line, or the one before that says more, as Node ends with its version and a stack.
last_words() { # UNIT SINCE
  local lines
  journalctl --sync || true
  lines=$(journalctl --quiet --output=cat --lines=50 --since="@$2" "_SYSTEMD_UNIT=$1") || true
  { grep --extended-regexp '^(onebox|[A-Za-z]*Error):' <<<"$lines" || echo "$lines"; } | tail -n 1
}

# One rename changes runtime, release and settings.
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

# What pm2 was started with stays: its Node, its settings, the number of workers; and a reload adds
# to the workers' variables and takes none away. After a switch that was cut short nobody knows what
# that was; and what is not well cannot be reloaded.
can_reload() { # FROM TO
  local from=$opt/generations/$1 to=$opt/generations/$2
  [[ -n $1 && ! -L $opt/back ]] &&
    [[ $(readlink "$from/runtime") == $(readlink "$to/runtime") ]] &&
    cmp --quiet {"$from","$to"}/release/ecosystem.config.cjs &&
    [[ -z $(comm -23 <(setting_names "$from") <(setting_names "$to")) ]] &&
    [[ $(worker_count "$1") == $(worker_count "$2") ]] &&
    [[ $(workers --fail | wc -l) == $(worker_count "$1") ]]
}

setting_names() { # FOLDER OF A GENERATION
  cut --delimiter== --fields=1 "$1/settings.env" | sort
}

# Only workers that answer prove a switch: pm2 and systemctl are content with less, and a reload
# that pm2 does not survive does not even end.
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
  deadline=$(( $(uptime_seconds) + ready_seconds + count * drain_seconds ))
  until seen=$(workers --fail) && are_new "$seen" "${release##*/}" "$count" "$before"; do
    problem="Not all of $count workers came up with the release: ${seen:-none}"
    [[ $(main_pid) == "$pid" ]] && (( $(uptime_seconds) < deadline )) || return 1
    sleep 1
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

# Told by their starts, whatever time it is: the clock may have been set in between.
are_new() { # SEEN RELEASE COUNT BEFORE
  local release started_at is_draining count=0
  while read -r _ release started_at is_draining; do
    [[ $release == "$2" && $is_draining == false && $4 != *"$started_at"* ]] || return 1
    count=$(( count + 1 ))
  done <<<"$1"
  (( count == $3 ))
}

# Each on a line: name, release, start, whether it drains. Nothing where nobody answers.
workers() { # [OPTION OF curl]
  curl --silent --max-time 5 --noproxy '*' "$@" "$site_url/healthz" |
    python3 -I "$library/read-json.py" workers 2>/dev/null || true
}

worker_count() { # GENERATION
  local count
  count=$(sed -n 's/^WEB_CONCURRENCY=//p' "$opt/generations/$1/settings.env")
  echo "${count:-$(nproc)}"
}

keep_way_back() {
  [[ -z $(named back) ]] || mv --no-target-directory "$opt/back" "$opt/previous"
}

# To what served before; to nothing, where that is what it was.
go_back() {
  local back
  back=$(named back)
  change=restart
  if [[ -z $back ]]; then
    rm "$opt/current"
    system stop onebox.service onebox.socket || say "$problem"
  else
    point current "$back"
    renew_workers "$back" || say "What served before does not come up: $problem"
  fi
}

# Verdicts and reports -------------------------------------------------------------------------

refuse() { # REASON
  if [[ $(named current) == "$wanted" ]]; then
    # What has served already, and only has to be proved again, is not taken down.
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
  tell waiting "$1"
  exit 0
}

decide() { # STATUS [REASON]
  describe "$@" | write_file "$verdict"
  rm -f "$opt/back"
  repeat_verdict
}

decide_by_hand() { # GENERATION THAT SERVES
  if [[ $1 == "$wanted" ]]; then decide live; else decide rejected 'Rolled back by hand'; fi
}

# Tells everyone how it stands, if that is news.
tell() { # STATUS [REASON]
  local last text
  last=$(read_file "$report")
  text=$(describe "$@")
  [[ ${last%,\"at\"*} == "${text%,\"at\"*}" ]] || publish "$text"
}

publish() { # REPORT
  local release reason
  write_file "$report" <<<"$1"
  release=$(member release "$1")
  reason=$(member reason "$1")
  say "$(member status "$1")${release:+, release ${release::12}}${reason:+: $reason}"
}

describe() { # STATUS [REASON]
  local reason=${2:-}
  reason=${reason//[^ -~]/ }
  reason=${reason//\"/\'}
  reason=${reason//\\//}
  printf '{"status":"%s"' "$1"
  printf '%s' "${wanted:+,\"desired\":\"$wanted\"}" "${release:+,\"release\":\"$release\"}" \
    "${runtime:+,\"runtime\":\"$runtime\"}" "${reason:+,\"reason\":\"${reason::300}\"}"
  printf ',"at":"%(%Y-%m-%dT%H:%M:%SZ)T"}\n' -1
}

# Keeps three generations, the linked ones before newer ones, and what they consist of.
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

# Small things ---------------------------------------------------------------------------------

system() { # ARGUMENT OF systemctl...
  attempt timeout --foreground 900 systemctl "$@"
}

# Runs a command; where it fails, what it said is the problem.
attempt() { # COMMAND...
  problem=$("$@" 2>&1)
}

# Points a link at a generation, in one rename.
point() { # LINK GENERATION
  ln --symbolic --force --no-dereference "generations/$2" "$opt/$1.new"
  mv --no-target-directory "$opt/$1.new" "$opt/$1"
  sync --file-system "$opt"
}

# The generation that a link names, if it does.
named() { # LINK
  local target
  target=$(readlink "$opt/$1") || true
  echo "${target##*/}"
}

# The text of a member of a flat JSON object, if it is there.
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

say() { # LINE
  echo "${1//[^ -~]/ }"
}

fail() { # LINE
  echo "$1" >&2
  exit 1
}

main "$@"
