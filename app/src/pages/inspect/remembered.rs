//! State of a view kept while the program runs: open rows, searches, keyboard focus.

use egui::{Ui, UiBuilder};

/// Calls `draw` with a value that is kept from frame to frame under a name.
pub fn remembered<T, R>(ui: &mut Ui, name: &str, draw: impl FnOnce(&mut Ui, &mut T) -> R) -> R
where
    T: Clone + Default + Send + Sync + 'static,
{
    let id = ui.scope_id().with(name);
    let mut kept: T = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let answer = draw(ui, &mut kept);
    ui.data_mut(|data| data.insert_temp(id, kept));
    answer
}

/// Draws widgets with ids based on a name instead of their position, so that a slider is not released and the focus not lost when
/// an answer adds a notice above.
pub fn anchored<R>(ui: &mut Ui, name: &str, draw: impl FnOnce(&mut Ui) -> R) -> R {
    let builder = UiBuilder::new().scope_id(ui.scope_id().with(name));
    ui.scope_builder(builder, draw).inner
}
