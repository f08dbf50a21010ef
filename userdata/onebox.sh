#!/bin/bash
# For people who log in. It never calls pm2: outside the service, that would start another pm2,
# without the port and the rights.

set -euo pipefail

library=/usr/local/lib/onebox

main() {
  local command=${1:-help}
  (( $# == 0 )) || shift
  case $command in
    status) status ;;
    logs) logs "$@" ;;
    releases) releases ;;
    rollback) sudo "$library/converge.sh" rollback "$@" && status ;;
    backup | restore) server "$command" "$@" ;;
    db) sudo -u onebox python3 -m sqlite3 'file:/data/onebox.db?mode=ro' "$@" ;;
    help | --help) help ;;
    *) help >&2 && exit 1 ;;
  esac
}

help() {
  cat <<'END'
onebox status                  show the service, the deploy, disks and memory
onebox logs [-f] [-n 100]      show the log; takes the options of journalctl
onebox releases                list the generations on this instance
onebox rollback [GENERATION]   go back to the previous generation; run again to undo
onebox backup                  make a checked backup in /data/backups, as every night
onebox restore FILE            restore a backup, unless that would lose data
onebox db [SQL]                query the database, read-only
END
}

status() {
  local health https
  health=$(curl --silent --max-time 5 http://127.0.0.1/healthz || true)
  line service "$(unit ActiveState) since $(unit ActiveEnterTimestamp)"
  line serving "$(read_json serving <<<"$health" || echo 'no answer')"
  https=$(read_json https <<<"$health") && line https "$https"
  line deploy "$(read_json deploy 2>/dev/null </var/lib/onebox/converge.json || echo 'none yet')"
  line data "$(disk /data)"
  line 'root disk' "$(disk /)"
  line memory "$(memory Mem), swap $(memory Swap)"
  line booted "$(uptime --since)"
  [[ ! -e /run/reboot-required ]] || line '' 'an update needs the reboot at 03:30 UTC'
}

# Every unit by name: a pattern finds nothing after a power cut has damaged a file of the journal.
logs() { # [JOURNALCTL_OPTION...]
  journalctl --unit=onebox{,.socket,-https.socket,-certificate,-converge,-backup,-offsite,-data-volume,-metadata-guard,-canary} "$@"
}

releases() {
  local generation name marks
  for name in $("$library/converge.sh" generations); do
    generation=/opt/onebox/generations/$name
    marks=$(find /opt/onebox -maxdepth 1 -lname "*$name" -printf ' %f')
    echo "${name::12}  release $(id_of "$generation/release")  runtime $(id_of "$generation/runtime")" \
      " $(date --utc --reference="$generation" '+%F %R')$marks"
  done
}

# Runs a command of the current release, as its own user.
server() { # COMMAND [ARGUMENT...]
  sudo -u onebox env DATA_DIR=/data /opt/onebox/current/runtime/bin/node \
    /opt/onebox/current/release/server.cjs "$@"
}

id_of() { # LINK
  basename "$(readlink "$1")" | cut -c -12
}

unit() { # PROPERTY
  systemctl show --property="$1" --value onebox.service
}

disk() { # PATH
  if mountpoint --quiet "$1"; then
    df --human-readable --output=pcent,size "$1" | awk 'NR == 2 { print $1 " of " $2 " used" }'
  else
    echo 'not mounted: see onebox logs'
  fi
}

memory() { # Mem|Swap
  free --mebi | awk -v name="$1:" '$1 == name { print $3 " of " $2 " MiB" }'
}

read_json() { # serving|https|deploy
  python3 -I "$library/read-json.py" "$1" 2>/dev/null
}

line() { # NAME TEXT
  printf '%-10s %s\n' "$1" "$2"
}

main "$@"
