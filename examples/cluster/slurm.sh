#!/bin/bash
# Four nodes, two workers on each, eight processors a worker: sbatch slurm.sh
# The model, the data and the folder of the run lie where all nodes see them.
#SBATCH --job-name=deepobf
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=8
#SBATCH --requeue

export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MASTER_PORT=$((20000 + SLURM_JOB_ID % 10000))
export WORLD_SIZE=$SLURM_NTASKS LOCAL_WORLD_SIZE=$SLURM_NTASKS_PER_NODE
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK
# export GLOO_SOCKET_IFNAME=ib0   where the network between the nodes is not the one that MASTER_ADDR is reached by

MODEL=${MODEL:-original.onnx} DATA=${DATA:-cifar10:data} OUT=${OUT:-run}
START="obfuscate $MODEL --data $DATA --depth 7 --batch-size 256 --out $OUT"

# srun tells the highest code alone: each worker writes down its own.
CODES=$OUT.codes-$SLURM_JOB_ID
trap 'rm -rf "$CODES"' EXIT

for attempt in 1 2 3 4; do
  [ -f "$OUT/config.json" ] && START="resume $OUT"
  rm -rf "$CODES" && mkdir -p "$CODES" || exit 5
  # Once a worker has failed the others end, those that hang by SIGKILL; a SIGTERM must not keep one from writing.
  srun --kill-on-bad-exit=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" bash -c "trap : TERM
    RANK=\$SLURM_PROCID LOCAL_RANK=\$SLURM_LOCALID deepobf $START
    code=\$?
    echo \$code > '$CODES'/\$SLURM_PROCID
    exit \$code"
  code=$?
  [ $code -eq 0 ] && exit 0
  [ -n "$(ls "$CODES")" ] || exit $code # no worker was started
  # 8, a signal, or no word at all: a worker was lost, and the checkpoint is there. Other codes would come again.
  for each in $(cat "$CODES"/*); do
    [ "$each" -ne 0 ] && [ "$each" -ne 8 ] && [ "$each" -lt 128 ] && exit "$each"
  done
done
exit 8
