//! A setting: name with explanation, control, and a message about the rule it breaks.

use super::prelude::*;
use egui::emath::Numeric;
use egui::{InputState, KeyboardShortcut, Modifiers};
use glasshouse_protocol::ErrorReport;

/// Width of a setting's name in points.
const NAME: f32 = 148.0;

/// Width of a setting's name in a narrow window.
const NARROW_NAME: f32 = 112.0;

/// A row of a form. `path` is the setting's dotted path, such as `train.steps`; if `refused` names it, the broken rule is shown
/// below.
pub fn field<R>(
    ui: &mut Ui,
    name: &str,
    path: &str,
    refused: Option<&ErrorReport>,
    control: impl FnOnce(&mut Ui) -> R,
) -> R {
    let width = if is_narrow(ui) { NARROW_NAME } else { NAME };
    let shown = ui.horizontal(|ui| {
        let height = ui.spacing().interact_size.y;
        ui.allocate_ui_with_layout(
            Vec2::new(width, height),
            Layout::left_to_right(egui::Align::Center),
            |ui| {
                ui.set_min_width(width);
                super::title(ui, name, path);
            },
        );
        control(ui)
    });
    field_error(ui, path, refused);
    shown.inner
}

/// A drop-down list of choices with their names; `otherwise` is shown for another value. With a width, long names are cut.
pub fn choice_or<T: Clone + PartialEq>(
    ui: &mut Ui,
    (name, otherwise): (&str, &str),
    value: &mut T,
    width: Option<f32>,
    choices: &[(T, impl AsRef<str>)],
) -> Response {
    let shown = choices.iter().find(|(choice, _)| choice == value);
    let list = ComboBox::from_id_salt(name).selected_text(shown.map_or(otherwise, |(_, name)| name.as_ref()));
    let list = match width {
        Some(width) => list.width(width).truncate(),
        None => list,
    };
    let list = list.show_ui(ui, |ui| {
        for (choice, name) in choices {
            closing(ui, |ui| ui.selectable_value(value, choice.clone(), name.as_ref()));
        }
    });
    list.response.accessible_name(name)
}

/// A choice of a drop-down list, which closes it; egui does so for a pointer only. Returns whether it was clicked.
pub fn closing(ui: &mut Ui, choice: impl FnOnce(&mut Ui) -> Response) -> bool {
    let is_chosen = choice(ui).clicked();
    if is_chosen {
        ui.close();
    }
    is_chosen
}

/// A drop-down list that has the value among its choices.
pub fn choice<T: Clone + PartialEq>(
    ui: &mut Ui,
    name: &str,
    value: &mut T,
    width: Option<f32>,
    choices: &[(T, impl AsRef<str>)],
) -> Response {
    choice_or(ui, (name, ""), value, width, choices)
}

/// A radio button with its explanation below. Returns whether it was clicked.
pub fn radio(ui: &mut Ui, chosen: bool, name: &str, detail: &str) -> bool {
    let is_clicked = ui.radio(chosen, RichText::new(name).text_style(theme::strong())).clicked();
    quiet_text(ui, detail);
    is_clicked
}

/// A control over a draft of a value, which is kept until the person leaves the control. Returns the draft then, if it differs from
/// `saved`.
pub fn committed<T: Clone + PartialEq + Send + Sync + 'static>(
    ui: &mut Ui,
    name: &str,
    saved: &T,
    control: impl FnOnce(&mut Ui, &mut T) -> Response,
) -> Option<T> {
    let id = ui.scope_id().with(("draft", name));
    let frame = ui.ctx().cumulative_frame_nr();
    // A draft of another value, or one that was not drawn since, is dropped.
    let kept: Option<(u64, T, T)> = ui.data(|data| data.get_temp(id));
    let kept = kept.filter(|(drawn, before, _)| frame <= drawn + 1 && before == saved);
    let mut draft = kept.map_or_else(|| saved.clone(), |(.., draft)| draft);
    let response = control(ui, &mut draft);
    if response.has_focus() || response.dragged() && !response.drag_stopped() {
        ui.data_mut(|data| data.insert_temp(id, (frame, saved.clone(), draft)));
        return None;
    }
    ui.data_mut(|data| data.remove::<(u64, T, T)>(id));
    (draft != *saved).then_some(draft)
}

/// A line of text to edit, with a hint while it is empty.
pub fn line_edit(ui: &mut Ui, name: &str, hint: &str, width: f32, text: &mut String) -> Response {
    let field = TextEdit::singleline(text).desired_width(width).id_salt(name);
    // On a phone it is higher than its line.
    let field = field.align(Align2::LEFT_CENTER);
    ui.add(with_hint(field, hint)).accessible_name(name)
}

/// A text of several lines over the available width.
pub fn text_area<'a>(name: &str, hint: &str, rows: usize, text: &'a mut String) -> TextEdit<'a> {
    let area = TextEdit::multiline(text).desired_rows(rows).desired_width(f32::INFINITY);
    with_hint(area.id_salt(name), hint)
}

fn with_hint<'a>(field: TextEdit<'a>, hint: &str) -> TextEdit<'a> {
    if hint.is_empty() { field } else { field.hint_text(hint) }
}

/// A prompt or message. If it `sends`, Enter does not begin a line, but Shift+Enter; also returns whether Enter was pressed then.
pub fn composer(ui: &mut Ui, name: &str, hint: &str, sends: bool, text: &mut String) -> (Response, bool) {
    let newline = KeyboardShortcut::new(if sends { Modifiers::SHIFT } else { Modifiers::NONE }, Key::Enter);
    let area = text_area(name, hint, 2, text).font(theme::emphasis()).return_key(newline);
    let field = ui.add(area).accessible_name(name);
    let entered = |input: &InputState| input.key_pressed(Key::Enter) && !input.modifiers.shift;
    let entered = sends && field.has_focus() && ui.input(entered);
    (field, entered)
}

pub fn whole_number<T: Numeric>(value: &mut T) -> DragValue<'_> {
    grouped(DragValue::new(value))
}

/// An integer below 2⁵³ with grouped thousands (`50,257`), which may be typed with or without grouping.
pub fn grouped(number: DragValue<'_>) -> DragValue<'_> {
    number
        .max_decimals(0)
        .custom_formatter(|value, _| format::whole(value as u64))
        .custom_parser(|text| text.replace([',', '_', ' '], "").parse().ok())
}

/// The rule that a setting breaks, if `refused` names it.
pub fn field_error(ui: &mut Ui, path: &str, refused: Option<&ErrorReport>) {
    let Some(error) = refused.filter(|error| error.field.as_deref() == Some(path)) else { return };
    let failure = Palette::of(ui).failure;
    let look = |words: RichText| words.color(failure).text_style(theme::caption());
    let text = with_code(ui, &error.message, look);
    icon_line(ui, icons::ICON_ERROR, failure, text);
}
