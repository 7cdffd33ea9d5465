//! Details of the component under the pointer: name, description, and cost.

use super::*;

/// Height in points: a name, two lines, and three numbers.
const ABOUT: f32 = 122.0;

/// A component in words and numbers, or the whole decoder if none is hovered. The height is constant, so that nothing moves.
pub fn about_ui(ui: &mut Ui, context: &Context<'_>, draft: &Draft, part: Option<Component>) {
    let model = &draft.config.model;
    let plan = draft.plan(context);
    let colour = plan.filter(|(_, current)| !current).map(|_| context.palette.quiet);
    ui.scope(|ui| {
        ui.visuals_mut().override_text_color = colour;
        ui.set_min_height(ABOUT);
        ui.spacing_mut().item_spacing.y = 2.0;
        let (title, sentence) = match part {
            Some(part) => (part.name(model), part.sentence(model)),
            None => ("The decoder", "Point at a part, or move to it with the tab key."),
        };
        ui.label(RichText::new(title).text_style(theme::strong()));
        caption(ui, sentence);
        let all = decoder::parameters(model);
        let each = part.map_or(all, |part| part.parameters(model));
        let count = if part.is_some_and(Component::is_in_block) { model.layers as u64 } else { 1 };
        let mut row = |name: &str, value: String, exact: String| {
            stat_row(ui, name, &value, &exact);
        };
        let times = if count > 1 { format!(" × {count}") } else { String::new() };
        let parameters = format!("{}{times}", format::count(each));
        row("Parameters", parameters, format!("{} in all", format::whole(each * count)));
        row("Bytes of weights", format::bytes(each * count * 4), "four bytes per parameter".to_owned());
        let share = match (part, plan) {
            (_, None) => format::NOTHING.to_owned(),
            (None, Some((plan, _))) => format!("{} per token", format::quantity(plan.flops_per_token)),
            (Some(part), Some((plan, _))) => {
                part.flops(plan).map_or_else(|| "with the part beside it".to_owned(), format::percent)
            }
        };
        row(if part.is_some() { "Share of FLOPs" } else { "FLOPs" }, share, String::new());
    });
}
