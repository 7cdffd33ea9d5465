//! The parameters of a teacher among a run's: those of another run's model, whose logits this one's are compared with in training. They stand
//! behind the run's own, in training graphs alone, and are frozen: in an arena they come last.

use crate::graph::Parameter;

/// What the names of a teacher's parameters, and the scopes of its nodes, begin with.
pub(super) const TEACHER: &str = "teacher.";

/// Whether a parameter is a teacher's, by its name.
pub fn is_of_teacher(name: &str) -> bool {
    name.starts_with(TEACHER)
}

/// The parameters that are a run's own.
pub fn own_parameters(parameters: &[Parameter]) -> Vec<Parameter> {
    parameters.iter().filter(|parameter| !is_of_teacher(&parameter.name)).cloned().collect()
}
