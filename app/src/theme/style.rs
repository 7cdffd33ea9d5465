//! egui's style for a palette: type scale, spacing, corners, and widgets that differ by tone instead of by frames.

use super::*;
use crate::preferences::{Preferences, ThemeChoice};
use egui::epaint::Shadow;
use egui::style::{HandleShape, ScrollStyle, Selection, WidgetVisuals, Widgets};
use egui::{
    Context, CornerRadius, FontFamily, FontId, Margin, Stroke, Style, TextStyle, Theme, ThemePreference,
    Vec2, Visuals,
};

/// 11 points: explanations of numbers, hints.
pub fn caption() -> TextStyle {
    TextStyle::Small
}

/// 13 points, semi-bold.
pub fn strong() -> TextStyle {
    TextStyle::Name("strong".into())
}

/// 11 points, semi-bold: table headers.
pub fn quiet_strong() -> TextStyle {
    TextStyle::Name("quiet strong".into())
}

/// 15 points: reading text such as samples.
pub fn emphasis() -> TextStyle {
    TextStyle::Name("emphasis".into())
}

/// 18 points, semi-bold: section headings.
pub fn section() -> TextStyle {
    TextStyle::Heading
}

/// 24 points, semi-bold: page titles.
pub fn title() -> TextStyle {
    TextStyle::Name("title".into())
}

/// 34 points, semi-bold: the main figure of a page.
pub fn number() -> TextStyle {
    TextStyle::Name("number".into())
}

/// Sets both themes and the preferred one in a context. Cheap if nothing changed, so it may run every frame.
pub fn apply(context: &Context, preferences: &Preferences) {
    let wish = match preferences.theme {
        ThemeChoice::Dark => ThemePreference::Dark,
        ThemeChoice::Light => ThemePreference::Light,
        ThemeChoice::System => ThemePreference::System,
    };
    let made = egui::Id::unique("glasshouse style");
    if !context.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default::<bool>(made), true)) {
        context.options_mut(|options| options.fallback_theme = Theme::Dark);
        context.set_style_of(Theme::Dark, style(&DARK));
        context.set_style_of(Theme::Light, style(&LIGHT));
    }
    if context.options(|options| options.theme_preference) != wish {
        context.set_theme(wish);
    }
    let scale = if preferences.scale.is_finite() { preferences.scale.clamp(0.75, 2.0) } else { 1.0 };
    if (context.zoom_factor() - scale).abs() > 1e-3 {
        context.set_zoom_factor(scale);
    }
}

fn style(palette: &Palette) -> Style {
    let strong = strong_family();
    let mut style = Style {
        text_styles: [
            (caption(), FontId::new(11.0, FontFamily::Proportional)),
            (quiet_strong(), FontId::new(11.0, strong.clone())),
            (TextStyle::Body, FontId::new(13.0, FontFamily::Proportional)),
            (TextStyle::Button, FontId::new(13.0, FontFamily::Proportional)),
            (TextStyle::Monospace, FontId::new(13.0, FontFamily::Monospace)),
            (self::strong(), FontId::new(13.0, strong.clone())),
            (emphasis(), FontId::new(15.0, FontFamily::Proportional)),
            (section(), FontId::new(18.0, strong.clone())),
            (title(), FontId::new(24.0, strong.clone())),
            (number(), FontId::new(34.0, strong)),
        ]
        .into(),
        drag_value_text_style: TextStyle::Body,
        // No animations: only the person or the model moves things.
        animation_time: 0.0,
        visuals: visuals(palette),
        ..Style::default()
    };
    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::splat(space::SMALL);
    spacing.button_padding = Vec2::new(space::MEDIUM, 5.0);
    spacing.interact_size = Vec2::new(CONTROL, CONTROL);
    spacing.menu_margin = Margin::same(6);
    spacing.window_margin = Margin::same(16);
    spacing.indent = space::LARGE;
    spacing.slider_width = 140.0;
    spacing.slider_rail_height = 4.0;
    spacing.combo_width = 120.0;
    spacing.icon_width = 18.0;
    spacing.icon_width_inner = 10.0;
    spacing.tooltip_width = 320.0;
    spacing.scroll = ScrollStyle { bar_width: 8.0, ..ScrollStyle::floating() };
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.35;
    style.url_in_tooltip = true;
    style
}

fn visuals(palette: &Palette) -> Visuals {
    let base = if palette.dark { Visuals::dark() } else { Visuals::light() };
    let shadow = Shadow {
        offset: [0, 6],
        blur: 20,
        spread: 0,
        color: Color32::from_black_alpha(if palette.dark { 110 } else { 40 }),
    };
    Visuals {
        dark_mode: palette.dark,
        override_text_color: None,
        weak_text_color: Some(palette.quiet),
        widgets: widgets(palette),
        selection: Selection {
            bg_fill: mix(palette.panel, palette.accent, if palette.dark { 0.36 } else { 0.26 }),
            stroke: Stroke::new(1.0, palette.text),
        },
        hyperlink_color: palette.accent,
        faint_bg_color: mix(palette.ground, palette.raised, 0.5),
        extreme_bg_color: palette.ground,
        text_edit_bg_color: Some(palette.raised),
        code_bg_color: palette.raised,
        warn_fg_color: palette.warning,
        error_fg_color: palette.failure,
        window_corner_radius: CornerRadius::same(CARD_CORNER),
        window_shadow: shadow,
        window_fill: palette.panel,
        window_stroke: Stroke::new(1.0, palette.hairline),
        menu_corner_radius: CornerRadius::same(CARD_CORNER),
        popup_shadow: shadow,
        panel_fill: palette.ground,
        striped: false,
        slider_trailing_fill: true,
        handle_shape: HandleShape::Circle,
        indent_has_left_vline: false,
        ..base
    }
}

/// Widgets by tone: raised at rest, lit under the pointer, outlined with the accent while pressed or focused. What can be edited or
/// ticked has an outline at rest; buttons have none ([`crate::widgets::plain`]).
fn widgets(palette: &Palette) -> Widgets {
    let corner_radius = CornerRadius::same(CONTROL_CORNER);
    let tone = |fill: Color32, mark: Color32, ring: Stroke, text: Color32| WidgetVisuals {
        bg_fill: mark,
        weak_bg_fill: fill,
        bg_stroke: ring,
        corner_radius,
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    let hairline = Stroke::new(1.0, palette.hairline);
    let mark = mix(palette.hairline, palette.quiet, 0.25);
    let outline = Stroke::new(1.0, mix(palette.hairline, palette.quiet, 0.6));
    let ring = Stroke::new(1.5, palette.accent);
    Widgets {
        noninteractive: tone(palette.panel, palette.panel, hairline, palette.text),
        inactive: tone(palette.raised, Color32::TRANSPARENT, outline, palette.text),
        hovered: tone(palette.lit(), palette.lit(), outline, palette.text),
        active: tone(palette.lit(), mix(mark, palette.accent, 0.6), ring, palette.text),
        open: tone(palette.lit(), mark, outline, palette.text),
    }
}
