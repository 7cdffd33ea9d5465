//! Buttons: primary, plain, quiet, and icons. Each has an accessible name.

use super::prelude::*;
use crate::theme::{CONTROL, mix};
use egui::Button;

/// Fill at rest and under the pointer, and text colour.
struct Tone {
    rest: Color32,
    lit: Color32,
    text: Color32,
}

/// The main action in its part of a page.
pub fn primary(ui: &mut Ui, icon: impl Into<Option<MaterialIcon>>, text: &str) -> Response {
    let palette = Palette::of(ui);
    let lit = mix(palette.accent, palette.text, 0.14);
    let tone = Tone { rest: palette.accent, lit, text: palette.on_accent };
    toned(ui, icon.into(), text, &tone, theme::strong())
}

pub fn plain(ui: &mut Ui, icon: impl Into<Option<MaterialIcon>>, text: &str) -> Response {
    let palette = Palette::of(ui);
    let tone = Tone { rest: palette.raised, lit: palette.lit(), text: palette.text };
    toned(ui, icon.into(), text, &tone, TextStyle::Button)
}

/// A button without a fill until hovered.
pub fn quiet(ui: &mut Ui, icon: impl Into<Option<MaterialIcon>>, text: &str) -> Response {
    let palette = Palette::of(ui);
    let tone = Tone { rest: Color32::TRANSPARENT, lit: palette.lit(), text: palette.quiet };
    toned(ui, icon.into(), text, &tone, TextStyle::Button)
}

fn toned(ui: &mut Ui, icon: Option<MaterialIcon>, text: &str, tone: &Tone, style: TextStyle) -> Response {
    let ring = Stroke::new(2.0, mix(tone.lit, Palette::of(ui).text, 0.6));
    let words = RichText::new(text).text_style(style).color(tone.text);
    let button = match icon {
        Some(icon) => Button::new((icon.rich_text().size(17.0).color(tone.text), words)),
        None => Button::new(words),
    };
    let look = |style: &mut egui::Style| {
        let widgets = &mut style.visuals.widgets;
        for (look, fill) in [
            (&mut widgets.inactive, tone.rest),
            (&mut widgets.hovered, tone.lit),
            (&mut widgets.active, tone.lit),
        ] {
            look.weak_bg_fill = fill;
            look.fg_stroke.color = tone.text;
        }
        widgets.active.bg_stroke = ring;
        style.spacing.icon_spacing = 6.0;
    };
    let response = framed(ui, look, button.min_size(Vec2::new(0.0, CONTROL)));
    named(ui, &response, text);
    response
}

/// Adds a widget with a modified style. Unlike `Ui::scope`, this keeps the widget in a wrapping layout.
fn styled(ui: &mut Ui, look: impl FnOnce(&mut egui::Style), widget: impl egui::Widget) -> Response {
    let before = ui.style().clone();
    look(ui.style_mut());
    let response = ui.add(widget);
    ui.set_style(before);
    response
}

/// A button without the outline of a field, in a modified style.
fn framed(ui: &mut Ui, look: impl FnOnce(&mut egui::Style), button: Button<'_>) -> Response {
    let plain = |style: &mut egui::Style| {
        style.visuals.widgets.inactive.bg_stroke = Stroke::NONE;
        style.visuals.widgets.hovered.bg_stroke = Stroke::NONE;
        style.visuals.widgets.open.bg_stroke = Stroke::NONE;
        look(style);
    };
    styled(ui, plain, button)
}

/// Draws a button, disabled unless `enabled`. Returns whether it was clicked.
pub fn pressed(ui: &mut Ui, enabled: bool, button: impl FnOnce(&mut Ui) -> Response) -> bool {
    ui.add_enabled_ui(enabled, |ui| button(ui).clicked()).inner
}

/// An icon button. Its name is the tooltip and the accessible name.
pub fn icon_button(ui: &mut Ui, icon: MaterialIcon, name: &str) -> Response {
    let palette = Palette::of(ui);
    let side = ui.spacing().interact_size.y;
    let look = |style: &mut egui::Style| {
        style.visuals.widgets.inactive.weak_bg_fill = Color32::TRANSPARENT;
        style.visuals.widgets.inactive.fg_stroke.color = palette.quiet;
        style.spacing.button_padding = Vec2::splat(5.0);
    };
    let button = Button::new(icon.rich_text().size(18.0)).min_size(Vec2::splat(side));
    let response = framed(ui, look, button);
    named(ui, &response, name);
    response.on_hover_text(name)
}

fn named(ui: &Ui, response: &Response, name: &str) {
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
}

/// The large main action of a page: an icon, a line, and an explanation.
pub fn hero(ui: &mut Ui, icon: MaterialIcon, text: &str, detail: &str) -> Response {
    let palette = Palette::of(ui);
    let lit = mix(palette.accent, palette.text, 0.12);
    let tone = Tone { rest: palette.accent, lit, text: palette.on_accent };
    large(ui, icon, [text, detail], 0.0, &tone)
}

/// A large secondary action, at least `tall` points high.
pub fn hero_plain(ui: &mut Ui, icon: MaterialIcon, text: &str, detail: &str, tall: f32) -> Response {
    let palette = Palette::of(ui);
    let tone = Tone { rest: palette.raised, lit: palette.lit(), text: palette.text };
    large(ui, icon, [text, detail], tall, &tone)
}

fn large(ui: &mut Ui, icon: MaterialIcon, [text, detail]: [&str; 2], tall: f32, tone: &Tone) -> Response {
    let palette = Palette::of(ui);
    let width = ui.available_width().min(theme::PROSE);
    let padding = space::LARGE;
    let mark = 28.0;
    let inner = width - 2.0 * padding - mark - space::MEDIUM;
    let big = theme::section().resolve(ui.style());
    let small = TextStyle::Body.resolve(ui.style());
    let words = ui.painter().layout(text.to_owned(), big, tone.text, inner);
    let below = mix(tone.rest, tone.text, 0.86);
    let means = ui.painter().layout(detail.to_owned(), small, below, inner);
    let height = words.size().y + space::TIGHT + means.size().y;
    let size = Vec2::new(width, tall.max(height + 2.0 * padding));
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let lit = response.hovered() || response.has_focus();
    let fill = if lit { tone.lit } else { tone.rest };
    let painter = ui.painter();
    painter.rect_filled(rect, f32::from(theme::CARD_CORNER), fill);
    if response.has_focus() {
        let ring = Stroke::new(2.0, palette.text);
        painter.rect_stroke(rect, f32::from(theme::CARD_CORNER), ring, StrokeKind::Outside);
    }
    let place = pos2(rect.left() + padding + mark / 2.0, rect.center().y);
    let font = FontId::new(mark, icon.font_family());
    painter.text(place, Align2::CENTER_CENTER, icon.codepoint, font, tone.text);
    let left = rect.left() + padding + mark + space::MEDIUM;
    let first = rect.center().y - height / 2.0;
    let second = first + words.size().y + space::TIGHT;
    painter.galley(pos2(left, first), words, tone.text);
    painter.galley(pos2(left, second), means, below);
    named(ui, &response, text);
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// Height of a slider and its number in points.
const SLIDER: f32 = 22.0;

/// A slider with a smaller handle.
pub fn slider(ui: &mut Ui, slider: Slider<'_>) -> Response {
    // The handle grows with the height, and the number aligns only at the same height.
    let look = |style: &mut egui::Style| {
        style.spacing.interact_size.y = SLIDER;
        style.spacing.button_padding.y = 2.0;
        let widgets = &mut style.visuals.widgets;
        widgets.inactive.bg_fill = widgets.open.bg_fill;
        widgets.hovered.bg_fill = widgets.open.bg_fill;
    };
    styled(ui, look, slider)
}

/// A choice between a few values side by side. Returns whether it changed.
pub fn segmented<T: PartialEq + Clone>(ui: &mut Ui, value: &mut T, choices: &[(T, &str)]) -> bool {
    let palette = Palette::of(ui);
    let mut changed = false;
    Frame::new().fill(palette.raised).corner_radius(theme::CONTROL_CORNER + 2).inner_margin(2).show(
        ui,
        |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 2.0;
                for (choice, text) in choices {
                    let chosen = *value == *choice;
                    if segment(ui, palette, chosen, text).clicked() && !chosen {
                        *value = choice.clone();
                        changed = true;
                    }
                }
            });
        },
    );
    changed
}

fn segment(ui: &mut Ui, palette: &Palette, chosen: bool, text: &str) -> Response {
    let fill = if chosen { palette.panel } else { Color32::TRANSPARENT };
    let colour = if chosen { palette.text } else { palette.quiet };
    let look = |style: &mut egui::Style| {
        style.visuals.widgets.inactive.weak_bg_fill = fill;
        style.visuals.widgets.hovered.weak_bg_fill = if chosen { fill } else { palette.lit() };
    };
    let button = Button::new(RichText::new(text).color(colour)).min_size(Vec2::new(0.0, 24.0));
    let response = framed(ui, look, button);
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, enabled, chosen, text));
    response
}

/// A tab, underlined with the accent if chosen.
pub fn tab(ui: &mut Ui, chosen: bool, text: &str) -> Response {
    let palette = Palette::of(ui);
    let colour = if chosen { palette.text } else { palette.quiet };
    let style = if chosen { theme::strong() } else { TextStyle::Button };
    let look = |style: &mut egui::Style| {
        style.visuals.widgets.inactive.weak_bg_fill = Color32::TRANSPARENT;
        style.spacing.button_padding.x = space::SMALL;
    };
    let response = framed(ui, look, Button::new(RichText::new(text).text_style(style).color(colour)));
    if chosen {
        let line = response.rect.x_range().shrink(space::SMALL);
        ui.painter().hline(line, response.rect.bottom(), Stroke::new(2.0, palette.accent));
    }
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::Tab, enabled, chosen, text));
    response
}
