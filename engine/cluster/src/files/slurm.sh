#!/usr/bin/env bash
# Several nodes under Slurm: sbatch --nodes 2 slurm.sh [arguments of train.py]
# The folder must be on a file system that all nodes see. Submitted again, the job continues from its newest checkpoint.
#SBATCH --job-name=train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@300
#SBATCH --output=slurm-%j.log
set -euo pipefail
cd "$SLURM_SUBMIT_DIR"

MAIN=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
PORT=$((20000 + SLURM_JOB_ID % 20000))
GPUS=${GPUS:-8}
export MAIN PORT GPUS

# shellcheck disable=SC2016 # Each node expands its own SLURM_NODEID.
exec srun --kill-on-bad-exit=1 bash -c '
    exec accelerate launch --config_file configs/several-nodes-fsdp2.yaml \
        --num_machines "$SLURM_NNODES" --num_processes $((SLURM_NNODES * GPUS)) --machine_rank "$SLURM_NODEID" \
        --main_process_ip "$MAIN" --main_process_port "$PORT" train.py "$@"' train "$@"
