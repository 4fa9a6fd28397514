#!/usr/bin/env bash
# A real Slurm of two nodes on this machine, all of it in one folder, as whoever runs this:
#
#     Tests/cluster/slurm.sh FOLDER start|stop        # then: export SLURM_CONF=FOLDER/slurm.conf
#
# Each node takes four tasks, however many cores there are. What is queued again begins after six seconds (cred_expire)
# in place of two minutes.
set -euo pipefail
folder=$(realpath -m "$1")
nodes='one two'
export PATH=$PATH:/usr/sbin SLURM_CONF=$folder/slurm.conf

free_ports() {
  python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(each.getsockname()[1] for each in sockets))'
}

start() {
  local ports
  read -ra ports < <(free_ports)
  mkdir -p "$folder/state"
  # munged wants folders that only its user can write to.
  chmod 755 "$folder"
  head -c 1024 /dev/urandom >"$folder/munge.key"
  chmod 600 "$folder/munge.key"
  cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$folder/munge.sock,cred_expire=5
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
SlurmctldPort=${ports[0]}
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool.%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.%n.log
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
KillWait=2
MinJobAge=600
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,sched_interval=1
PartitionName=main Nodes=ALL Default=YES
CONF
  local index=0 node
  for node in $nodes; do
    index=$((index + 1))
    echo "NodeName=$node NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=${ports[index]} CPUs=4 RealMemory=1000" >>"$SLURM_CONF"
  done
  munged --force --key-file="$folder/munge.key" --socket="$folder/munge.sock" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/munge.seed"
  slurmctld
  for node in $nodes; do slurmd -N "$node"; done
  for _ in $(seq 100); do
    [ "$(sinfo --noheader --Node --format=%t 2>/dev/null | grep -c '^idle$')" -eq 2 ] && return
    sleep 0.2
  done
  tail -n 5 "$folder"/*.log >&2
  echo "Slurm does not come up; see $folder" >&2
  exit 1
}

stop() {
  local file process
  for file in "$folder"/slurmd.*.pid "$folder/slurmctld.pid" "$folder/munged.pid"; do
    process=$(cat "$file" 2>/dev/null) || continue
    kill "$process" 2>/dev/null || continue
    while kill -0 "$process" 2>/dev/null; do sleep 0.1; done
  done
}

case $2 in
start) start ;;
stop) stop ;;
*) echo 'usage: slurm.sh FOLDER start|stop' >&2 && exit 64 ;;
esac
