//! The parameters of a teacher: another run's model whose logits are the distillation target. They come after the run's own,
//! exist only in training graphs, and are frozen: in an arena they come last.

use crate::graph::Parameter;

/// Prefix of the names of a teacher's parameters and of the scopes of its nodes.
pub(super) const TEACHER: &str = "teacher.";

/// Whether a parameter belongs to a teacher, by its name.
pub fn is_of_teacher(name: &str) -> bool {
    name.starts_with(TEACHER)
}

/// The parameters without a teacher's.
pub fn own_parameters(parameters: &[Parameter]) -> Vec<Parameter> {
    parameters.iter().filter(|parameter| !is_of_teacher(&parameter.name)).cloned().collect()
}
