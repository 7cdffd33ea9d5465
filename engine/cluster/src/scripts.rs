//! The scripts of a bundle: training, verification, and launching both.

macro_rules! scripts {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("files/", $name)))),*]
    };
}

/// Files of every bundle: path and text.
pub(super) const SCRIPTS: &[(&str, &str)] = scripts![
    "train.py",
    "verify",
    "verify.py",
    "launch",
    "requirements.txt",
    "README.md",
    "Dockerfile",
    ".dockerignore",
    "notebook.ipynb",
    "slurm.sh",
    "configs/one-gpu.yaml",
    "configs/eight-gpus-fsdp2.yaml",
    "configs/eight-gpus-deepspeed-zero3.yaml",
    "configs/several-nodes-fsdp2.yaml",
];

/// Scripts that must be executable.
pub(super) const PROGRAMS: [&str; 3] = ["verify", "launch", "slurm.sh"];
