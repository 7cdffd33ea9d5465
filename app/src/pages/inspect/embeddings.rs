//! Token embeddings as a map of their first two principal components, and a token's nearest neighbours.

use super::{Chosen, Shown, remembered};
use crate::pages::prelude::*;
use egui_plot::{Plot, PlotPoint, PlotPoints, PlotTransform, Points};
use glasshouse_protocol::inspect::TokenText;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Maximum distance in points between the pointer and the token it reads.
const NEAR: f32 = 14.0;
/// Maximum labelled tokens of the prompt, if they fit.
const LABELLED: usize = 24;
/// Radius of an ordinary token's dot, and gap between a token and its label, in points.
const DOT: f32 = 1.6;
const BESIDE: f32 = 2.0;

/// Maximum search results.
const FOUND: usize = 5;

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    beside_ui(ui, 240.0, space::LARGE, |ui, place| match place {
        0 => map_ui(ui, shown, chosen),
        _ => neighbours_ui(ui, shown, chosen),
    });
}

/// The inspected token: the clicked one, else the one at the position.
fn token_of(shown: &Shown<'_>) -> Option<u32> {
    let at_position = || shown.inspection.tokens.get(shown.position()).map(|token| token.id);
    shown.settings.token.or_else(at_position)
}

fn map_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let (ids, map) = (shown.data.integers("ids"), shown.data.floats("map"));
    let (points, _) = map.as_chunks::<2>();
    if points.is_empty() {
        return caption(ui, "This model has no map.");
    }
    let place = |[x, y]: &[f32; 2]| [f64::from(*x), f64::from(*y)];
    let of_prompt: BTreeSet<u32> = shown.inspection.tokens.iter().map(|token| token.id).collect();
    let neighbours: BTreeSet<u32> = shown.data.integers("neighbours").iter().copied().collect();
    let token = token_of(shown);
    let among = |is: &dyn Fn(u32) -> bool| -> Vec<[f64; 2]> {
        ids.iter().zip(points).filter(|(id, _)| is(**id)).map(|(_, point)| place(point)).collect()
    };
    let palette = shown.palette;
    let [first, second, ..] = palette.series;
    let others = among(&|id| !of_prompt.contains(&id));
    let told = among(&|id| of_prompt.contains(&id) || neighbours.contains(&id) || Some(id) == token);
    // Untrained tokens form a distant cluster, which would squeeze the others into half of the map.
    let (near, far): (Vec<[f64; 2]>, Vec<[f64; 2]>) = match around(&told) {
        Some([low, high]) => others
            .into_iter()
            .partition(|point| (0..2).all(|axis| (low[axis]..=high[axis]).contains(&point[axis]))),
        None => (others, Vec::new()),
    };
    let groups = [
        ("tokens", near, palette.quiet, DOT),
        ("in the prompt", among(&|id| of_prompt.contains(&id)), first, 3.5),
        ("neighbours", among(&|id| neighbours.contains(&id)), second, 3.5),
        ("selected", among(&|id| Some(id) == token), palette.accent, 5.0),
    ];
    let labels = ids.iter().zip(points).filter(|(id, _)| of_prompt.contains(id) || Some(**id) == token);
    let mut labels: Vec<(u32, [f64; 2])> = labels.map(|(id, point)| (*id, place(point))).collect();
    // The inspected token is labelled first.
    labels.sort_by_key(|(id, _)| Some(*id) != token);
    labels.truncate(LABELLED);
    let plot = Plot::new("embedding map")
        .height((ui.available_width() * 0.7).clamp(220.0, 460.0))
        .data_aspect(1.0)
        .show_background(false)
        .show_axes(false)
        .show_grid(false)
        .show_crosshair(false)
        .show_x(false)
        .show_y(false)
        .allow_scroll(false);
    let drawn = plot.show(ui, |plot| {
        for (name, points, colour, radius) in groups {
            let points = Points::new(name, PlotPoints::new(points)).color(colour).radius(radius);
            plot.points(points.allow_hover(false));
        }
    });
    let frame = *drawn.transform.frame();
    let painter = ui.painter_at(frame);
    let on_screen = |[x, y]: [f64; 2]| drawn.transform.position_from_point(&PlotPoint::new(x, y));
    for point in &far {
        painter.circle_filled(on_screen(*point), DOT, palette.quiet);
    }
    let galley = |id: u32| painter.layout_no_wrap(shown.text(id), FontId::monospace(11.0), palette.text);
    let labels: Vec<(Pos2, Arc<Galley>)> =
        labels.into_iter().map(|(id, point)| (on_screen(point), galley(id))).collect();
    let sizes: Vec<(Pos2, Vec2)> = labels.iter().map(|(at, galley)| (*at, galley.size())).collect();
    for ((_, galley), place) in labels.into_iter().zip(apart(&sizes, frame)) {
        if let Some(place) = place {
            painter.galley(place.min, galley, palette.text);
        }
    }
    drawn.response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, "Embedding map"));
    let pointer = drawn.response.hover_pos();
    if let Some((id, point, at)) = pointer.and_then(|at| nearest(ids, points, &drawn.transform, at)) {
        ui.painter_at(*drawn.transform.frame()).circle_stroke(at, 6.0, (1.5, palette.text));
        if drawn.response.clicked() {
            chosen.set.token = Some(id);
        }
        let mut cosines = shown.data.integers("neighbours").iter().zip(shown.data.floats("cosines"));
        let cosine = cosines.find(|(own, _)| **own == id).map(|(_, cosine)| *cosine);
        drawn.response.on_hover_text_at_pointer(read(&shown.text(id), id, point, cosine));
    }
    if let [x, y] = shown.data.floats("explained") {
        let (x, y) = (format::percent(f64::from(*x)), format::percent(f64::from(*y)));
        caption(
            ui,
            format!("Horizontal: {x} of the variance; vertical: {y}. Press a token to see its neighbours."),
        );
    }
    if !far.is_empty() {
        let count = format::counted(far.len() as u64, "token");
        caption(ui, format!("{count} outside the view: drag the map, or zoom out."));
    }
    let [first, second, ..] = palette.series;
    let names = [(first, "in the prompt"), (second, "neighbours"), (palette.accent, "selected")];
    legend(ui, names.map(|(colour, name)| (colour, name, String::new())));
}

/// The corners of the points' bounding box, enlarged by half; `None` if all points coincide.
fn around(points: &[[f64; 2]]) -> Option<[[f64; 2]; 2]> {
    let fold = |pick: fn(f64, f64) -> f64| {
        points.iter().copied().reduce(|a, b| [pick(a[0], b[0]), pick(a[1], b[1])])
    };
    let (low, high) = (fold(f64::min)?, fold(f64::max)?);
    let reach = (high[0] - low[0]).max(high[1] - low[1]) / 2.0;
    (reach > 0.0).then(|| [low.map(|edge| edge - reach), high.map(|edge| edge + reach)])
}

/// Places labels of these sizes next to their points without overlap; earlier labels have priority.
fn apart(labels: &[(Pos2, Vec2)], frame: Rect) -> Vec<Option<Rect>> {
    let mut taken: Vec<Rect> = Vec::new();
    let place = |(at, size): &(Pos2, Vec2)| {
        let (right, left) = (BESIDE, -BESIDE - size.x);
        let (above, below) = (-BESIDE - size.y, BESIDE);
        let corners = [(right, above), (left, above), (right, below), (left, below)];
        let mut free = corners.into_iter().map(|(x, y)| Rect::from_min_size(*at + vec2(x, y), *size));
        let found = free
            .find(|rect| frame.contains_rect(*rect) && !taken.iter().any(|other| other.intersects(*rect)));
        taken.extend(found);
        found
    };
    labels.iter().map(place).collect()
}

/// The token nearest to a screen position within `NEAR`, its map coordinates, and its screen position.
fn nearest(ids: &[u32], points: &[[f32; 2]], map: &PlotTransform, at: Pos2) -> Option<(u32, [f32; 2], Pos2)> {
    let placed = ids.iter().zip(points).map(|(id, [x, y])| {
        let place = map.position_from_point(&PlotPoint::new(f64::from(*x), f64::from(*y)));
        (*id, [*x, *y], place)
    });
    let found = placed.min_by(|(.., a), (.., b)| a.distance_sq(at).total_cmp(&b.distance_sq(at)))?;
    (found.2.distance(at) <= NEAR).then_some(found)
}

/// Description of a token on the map: its coordinates, and its cosine similarity to the inspected token if it is a neighbour.
fn read(text: &str, id: u32, [x, y]: [f32; 2], cosine: Option<f32>) -> String {
    let cosine = cosine.map_or_else(String::new, |cosine| format!(", cosine {cosine:.4}"));
    format!("{text}, token {id}, at {x:.4}, {y:.4}{cosine}")
}

/// A search for tokens of the map by text, for people who cannot see it.
fn find_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    remembered(ui, "sought", |ui, sought: &mut String| {
        line_edit(ui, "Find a token", "Find a token", f32::INFINITY, sought);
        for token in found(shown.data.tokens(), sought) {
            if quiet(ui, icons::ICON_SEARCH, &shown.text(token.id)).clicked() {
                chosen.set.token = Some(token.id);
                sought.clear();
            }
        }
    });
}

/// Tokens whose text contains `sought`, shortest first, so that an exact match leads.
fn found<'a>(tokens: &'a [TokenText], sought: &str) -> Vec<&'a TokenText> {
    let sought = sought.trim();
    let fits = |token: &&TokenText| !sought.is_empty() && token.text.contains(sought);
    let mut found: Vec<&TokenText> = tokens.iter().filter(fits).collect();
    found.sort_by_key(|token| token.text.chars().count());
    found.truncate(FOUND);
    found
}

fn neighbours_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    find_ui(ui, shown, chosen);
    let Some(token) = token_of(shown) else { return };
    head(ui, &format!("Nearest to {}", shown.text(token)));
    let neighbours = shown.data.integers("neighbours").iter().zip(shown.data.floats("cosines"));
    for (id, cosine) in neighbours {
        ui.horizontal(|ui| {
            let text = shown.text(*id);
            if quiet(ui, None, &text).on_hover_text(format!("Neighbours of {text}")).clicked() {
                chosen.set.token = Some(*id);
            }
            caption_label(ui, format!("{cosine:.3}"))
                .on_hover_text("Cosine of the angle between the two embeddings");
        });
    }
    if shown.settings.token.is_some() && plain(ui, None, "The token at the position").clicked() {
        chosen.set.token = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_lie_on_each_other() {
        let frame = Rect::from_min_size(Pos2::ZERO, vec2(200.0, 100.0));
        let at = |x: f32, y: f32| (Pos2::new(x, y), vec2(40.0, 12.0));
        let placed = apart(&[at(100.0, 50.0); 6], frame);
        assert_eq!(placed.iter().flatten().count(), 4, "one in each corner");
        let placed: Vec<Rect> = placed.into_iter().flatten().collect();
        for (place, rect) in placed.iter().enumerate() {
            assert!(placed[place + 1..].iter().all(|other| !other.intersects(*rect)), "{placed:?}");
        }
        // At the right edge the label goes to the left; beyond the edge there is none.
        let edge = apart(&[at(195.0, 50.0), at(400.0, 50.0)], frame);
        assert!(edge[0].is_some_and(|rect| rect.right() <= 195.0) && edge[1].is_none());
    }

    #[test]
    fn a_far_clump_is_not_around_the_tokens_that_are_told_apart() {
        let [low, high] = around(&[[0.0, 0.0], [2.0, 1.0], [1.0, 4.0]]).unwrap();
        assert_eq!((low, high), ([-2.0, -2.0], [4.0, 6.0]));
        assert_eq!((around(&[]), around(&[[1.0, 1.0]; 3])), (None, None));
    }

    #[test]
    fn the_shortest_token_with_what_is_sought_leads() {
        let texts = [" storm", " to", "top", "a", "to"];
        let tokens: Vec<TokenText> =
            (0..).zip(texts).map(|(id, text)| TokenText { id, text: text.to_owned() }).collect();
        let ids =
            |sought: &str| -> Vec<u32> { found(&tokens, sought).iter().map(|token| token.id).collect() };
        assert_eq!(ids("to"), [4, 1, 2, 0]);
        assert_eq!(ids(" to "), [4, 1, 2, 0], "blanks around it are not meant");
        assert!(ids("").is_empty() && ids("xyz").is_empty());
    }
}
