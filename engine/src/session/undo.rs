//! Steps that are undone if what follows fails or is cancelled.

/// Calls a function with a value on drop, unless the step is kept.
pub(super) struct Undo<T> {
    pub(super) value: T,
    undo: Option<fn(&T)>,
}

impl<T> Undo<T> {
    pub(super) fn new(value: T, undo: fn(&T)) -> Self {
        Self { value, undo: Some(undo) }
    }

    pub(super) fn keep(mut self) {
        self.undo = None;
    }
}

impl<T> Drop for Undo<T> {
    fn drop(&mut self) {
        if let Some(undo) = self.undo {
            undo(&self.value);
        }
    }
}
