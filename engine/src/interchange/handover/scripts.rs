//! The programs of a bundle: what trains there, what compares, and how both are started.

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

/// Those that are started by their names.
pub(super) const PROGRAMS: [&str; 3] = ["verify", "launch", "slurm.sh"];
