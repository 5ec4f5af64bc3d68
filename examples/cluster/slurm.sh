#!/bin/bash
# Four nodes, two workers on each, eight processors a worker: sbatch slurm.sh
# The model, the data and the folder of the run lie where all nodes see them.
#SBATCH --job-name=deepobf
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=8
#SBATCH --requeue
#SBATCH --kill-on-bad-exit=0

export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MASTER_PORT=$((20000 + SLURM_JOB_ID % 10000))
export WORLD_SIZE=$SLURM_NTASKS
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK
# export GLOO_SOCKET_IFNAME=ib0   where the network between the nodes is not the one that MASTER_ADDR is reached by

MODEL=${MODEL:-original.onnx} DATA=${DATA:-cifar10:data} OUT=${OUT:-run}
START="obfuscate $MODEL --data $DATA --depth 7 --batch-size 256 --out $OUT"

for attempt in 1 2 3 4; do
  [ -f "$OUT/config.json" ] && START="resume $OUT"
  srun bash -c "RANK=\$SLURM_PROCID LOCAL_RANK=\$SLURM_LOCALID exec deepobf $START"
  code=$?
  [ $code -eq 8 ] || exit $code # 8: a worker was lost, and the checkpoint is there
done
exit 8
