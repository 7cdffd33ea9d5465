//! What a view keeps of its own while the program runs: which row is open, what is searched for.

use egui::Ui;

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
