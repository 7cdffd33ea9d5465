//! What a view keeps of its own while the program runs: which row is open, what is searched for, what has the keyboard.

use egui::{Ui, UiBuilder};

/// Lets something be drawn and changed that is kept from frame to frame under a name.
pub(super) fn remembered<T, R>(ui: &mut Ui, name: &str, draw: impl FnOnce(&mut Ui, &mut T) -> R) -> R
where
    T: Clone + Default + Send + Sync + 'static,
{
    let id = ui.scope_id().with(name);
    let mut kept: T = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let answer = draw(ui, &mut kept);
    ui.data_mut(|data| data.insert_temp(id, kept));
    answer
}

/// Draws what egui knows by a name, whatever came to stand before it, so that a slider is not let go of and the keyboard stays where it
/// is when an answer brings a notice more.
pub(super) fn anchored<R>(ui: &mut Ui, name: &str, draw: impl FnOnce(&mut Ui) -> R) -> R {
    let builder = UiBuilder::new().scope_id(ui.scope_id().with(name));
    ui.scope_builder(builder, draw).inner
}
