//! The boxes of the diagram: a component's name, size and details, and the small pictures of attention and MLP.

use super::diagram::{BOX, Sketch};
use super::*;
use egui::CornerRadius;

impl Sketch<'_, '_> {
    /// A component as a box; `picture` draws into its right end.
    pub fn part(
        &mut self,
        part: Component,
        detail: &str,
        height: f32,
        picture: fn(&Sketch<'_, '_>, Rect),
    ) -> Rect {
        let rect = Rect::from_min_max(pos2(self.left, self.y), pos2(self.right, self.y + height));
        let name = part.name(self.model());
        let id = self.ui.scope_id().with(("part", part));
        let response = self.ui.interact(rect, id, Sense::click());
        let parameters = part.parameters(self.model());
        let label = format!("{name}, {} parameters", format::whole(parameters));
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
        let lit = response.hovered() || response.has_focus();
        if lit {
            self.pointed = Some(part);
        }
        if response.clicked() {
            self.pressed = Some(part);
        }
        let palette = self.palette;
        let chosen = self.chosen == Some(part);
        let fill = if lit || chosen { palette.chosen() } else { palette.raised };
        let stroke = match (lit, chosen) {
            (true, _) => Stroke::new(1.5, palette.accent),
            (false, true) => Stroke::new(1.0, palette.accent),
            _ => Stroke::NONE,
        };
        let painter = self.ui.painter();
        painter.rect(rect, theme::CONTROL_CORNER, fill, stroke, StrokeKind::Inside);
        let inner = rect.shrink2(vec2(10.0, 6.0));
        let strong = theme::strong().resolve(self.ui.style());
        let small = FontId::proportional(11.0);
        let tall = height > BOX;
        let (title, numbers) = if tall {
            (inner.left_top(), inner.right_top())
        } else {
            (inner.left_center(), inner.right_center())
        };
        let align = |x: egui::Align| Align2([x, if tall { egui::Align::Min } else { egui::Align::Center }]);
        let words = painter.text(title, align(egui::Align::Min), name, strong, palette.text);
        let amount = if parameters == 0 && part == Component::Head {
            "shared".to_owned()
        } else {
            format::count(parameters)
        };
        painter.text(numbers, align(egui::Align::Max), amount, small.clone(), palette.quiet);
        let side = (inner.width() * 0.36).min(68.0);
        if tall {
            let below = painter.with_clip_rect(inner.with_max_x(inner.right() - side - 4.0));
            let model = self.model();
            let extra = match (part, &model.position, model.qk_norm) {
                (Component::Attention, Position::Rope(_), true) => "rotary, qk norm",
                (Component::Attention, Position::Rope(_), false) => "rotary positions",
                (Component::Attention, _, true) => "query-key norm",
                (Component::Attention, ..) => "causal",
                _ if model.mlp.gate == Gate::None => activation(model),
                _ => "down(gate × up)",
            };
            let window = match (part, model.sliding_window) {
                (Component::Attention, Some(window)) => format!(", window {window}"),
                _ => String::new(),
            };
            let lines = format!("{detail}\n{extra}{window}");
            below.text(inner.left_bottom(), Align2::LEFT_BOTTOM, lines, small, palette.quiet);
            picture(self, Rect::from_min_max(pos2(inner.right() - side, inner.top() + 20.0), inner.max));
        } else if !detail.is_empty() {
            let at = pos2(words.right() + 8.0, inner.center().y);
            let room =
                Rect::from_min_max(pos2(at.x, inner.top()), pos2(inner.right() - 48.0, inner.bottom()));
            // Without room for the formula, show only its numbers.
            let wide =
                |text: &str| painter.layout_no_wrap(text.to_owned(), small.clone(), palette.quiet).size().x;
            let short = detail.split_once("= ").map_or(detail, |(_, numbers)| numbers);
            let detail = if wide(detail) > room.width() { short } else { detail };
            painter.with_clip_rect(room).text(at, Align2::LEFT_CENTER, detail, small.clone(), palette.quiet);
        }
        self.y = rect.bottom();
        rect
    }

    /// The line between embedding and head if their weights are tied.
    pub fn tie(&self, embedding: Rect, head: Rect) {
        let x = self.right + 14.0;
        let (from, to) = (embedding.right_center(), head.right_center());
        let points = [from, pos2(x, from.y), pos2(x, to.y), to];
        let colour = self.palette.accent;
        self.ui.painter().extend(Shape::dashed_line(&points, Stroke::new(1.5, colour), 4.0, 3.0));
        let text =
            self.ui.painter().layout_no_wrap("one matrix".to_owned(), FontId::proportional(11.0), colour);
        let size = text.size();
        let at = pos2(x + size.y + 1.0, (from.y + to.y) / 2.0 - size.x / 2.0);
        let shape = egui::epaint::TextShape::new(at, text, colour).with_angle(std::f32::consts::FRAC_PI_2);
        self.ui.painter().add(shape);
    }
}

fn activation(model: &ModelConfig) -> &'static str {
    match model.mlp.activation {
        Activation::GeluExact => "GELU",
        Activation::GeluTanh => "GELU (tanh)",
        Activation::Relu => "ReLU",
        Activation::ReluSquared => "ReLU squared",
        Activation::Silu => "SiLU",
    }
}

/// Query heads above the key-value heads they share.
pub fn heads_ui(sketch: &Sketch<'_, '_>, room: Rect) {
    let model = sketch.model();
    let (heads, shared) = (model.heads.max(1), model.kv_heads.max(1));
    let drawn = heads.min(16);
    let step = room.width() / drawn as f32;
    let tall = ((room.height() - 4.0) / 2.0).min(12.0);
    let [query, key, ..] = sketch.palette.series;
    let row = |from: f32, to: f32, y: f32, colour: Color32| {
        let rect =
            Rect::from_min_max(pos2(room.left() + from + 0.75, y), pos2(room.left() + to - 0.75, y + tall));
        sketch.ui.painter().rect_filled(rect, CornerRadius::same(2), colour);
    };
    for head in 0..drawn {
        row(head as f32 * step, (head + 1) as f32 * step, room.top(), query);
    }
    let drawn_shared = if heads == drawn { shared } else { (shared * drawn / heads).max(1) };
    let wide = room.width() / drawn_shared.min(drawn) as f32;
    for head in 0..drawn_shared.min(drawn) {
        row(head as f32 * wide, (head + 1) as f32 * wide, room.top() + tall + 4.0, key);
    }
}

/// Widths of a token's vector: C, F (twice with a gate), C.
pub fn hidden_ui(sketch: &Sketch<'_, '_>, room: Rect) {
    let model = sketch.model();
    let gated = model.mlp.gate != Gate::None;
    let most = model.width.max(model.mlp.hidden).max(1) as f32;
    let bars = if gated { 4 } else { 3 };
    let step = room.height() / bars as f32;
    let [first, second, third, ..] = sketch.palette.series;
    let width = |channels: usize| (channels as f32 / most * room.width()).max(3.0);
    let (narrow, wide) = (width(model.width), width(model.mlp.hidden));
    let rows: &[(f32, Color32)] = if gated {
        &[(narrow, first), (wide, second), (wide, third), (narrow, first)]
    } else {
        &[(narrow, first), (wide, third), (narrow, first)]
    };
    for (number, (long, colour)) in rows.iter().enumerate() {
        let centre = pos2(room.center().x, room.top() + (number as f32 + 0.5) * step);
        let rect = Rect::from_center_size(centre, Vec2::new(*long, (step - 2.0).clamp(2.0, 8.0)));
        sketch.ui.painter().rect_filled(rect, 2.0, *colour);
    }
}
