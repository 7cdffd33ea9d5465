//! Details of an operation.

use super::Graph;
use crate::pages::inspect::weights::short;
use crate::pages::prelude::*;
use glasshouse_protocol::inspect::GraphNode;

/// Height of a kernel's source in points.
const SOURCE: f32 = 320.0;

impl Graph<'_> {
    /// Draws an operation; `kernel` is the kernel whose source is shown.
    pub fn node_ui(&self, ui: &mut Ui, palette: &Palette, node: &GraphNode, kernel: &mut Option<String>) {
        raised(ui, |ui| {
            ui.set_width(ui.available_width());
            let formula = RichText::new(&node.formula).monospace().color(palette.accent);
            ui.add(Label::new(formula).wrap().selectable(true));
            for (title, values) in [("Reads", &node.inputs), ("Writes", &node.outputs)] {
                ui.label(RichText::new(title).text_style(theme::strong()));
                for value in values {
                    self.value_ui(ui, palette, *value);
                }
            }
            match node.ms {
                Some(ms) => caption(ui, format!("Took {} on this device.", format::milliseconds(ms))),
                None => caption(ui, "Its time was not measured."),
            }
            if node.kernels.is_empty() {
                return caption(ui, "The CPU runs it without a kernel.");
            }
            head(ui, "Kernels");
            ui.horizontal_wrapped(|ui| {
                for (name, launches) in &node.kernels {
                    let text = if *launches == 1 { name.clone() } else { format!("{name} × {launches}") };
                    if plain(ui, icons::ICON_CODE, &text).on_hover_text("Show its WGSL").clicked() {
                        *kernel = if kernel.as_ref() == Some(name) { None } else { Some(name.clone()) };
                    }
                }
            });
            let source =
                kernel.as_ref().and_then(|kernel| self.kernels.iter().find(|(name, _)| name == kernel));
            if let Some((name, source)) = source {
                source_ui(ui, name, source);
            } else if kernel.is_some() {
                caption(ui, "The graph does not include its source.");
            }
        });
    }

    /// A value's own name, or the listed operation that computes it.
    pub fn name_of(&self, number: usize, name: &str) -> String {
        let makes = |node: &GraphNode| node.outputs.contains(&number);
        match self.nodes.iter().position(makes).and_then(|at| Some((at, self.nodes.get(at)?))) {
            Some((at, node)) if name.is_empty() => format!("result of {} {at}", node.operation),
            None if name.is_empty() => format!("value {number}"),
            _ => name.to_owned(),
        }
    }

    fn value_ui(&self, ui: &mut Ui, palette: &Palette, number: usize) {
        let Some(value) = self.values.get(number) else { return caption(ui, format!("value {number}")) };
        let name = self.name_of(number, &value.name);
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(name).monospace());
            ui.label(RichText::new(&value.ty).monospace().color(palette.quiet));
        });
        for (what, numbers) in [("", &value.statistics), ("gradient ", &value.gradient)] {
            if let Some(numbers) = numbers {
                let [low, high, mean, deviation] = numbers.map(|number| short(f64::from(number)));
                let exact = format!("{numbers:?}: smallest, largest, mean, standard deviation");
                let words = format!("{what}{low} to {high}, mean {mean}, standard deviation {deviation}");
                caption_label(ui, words).on_hover_text(exact);
            }
        }
    }
}

fn source_ui(ui: &mut Ui, name: &str, source: &str) {
    let copied = line_ui(
        ui,
        |ui| icon_button(ui, true, icons::ICON_CONTENT_COPY, &format!("Copy the WGSL of {name}")),
        |ui| ui.label(RichText::new(format!("{name}.wgsl")).monospace()),
    );
    if copied {
        ui.ctx().copy_text(source.to_owned());
    }
    ui.add_space(space::TIGHT);
    ScrollArea::both()
        .id_salt(("source", name))
        .max_height(SOURCE)
        .min_scrolled_height(SOURCE)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            let code = RichText::new(source).monospace().size(12.0);
            ui.add(Label::new(code).extend().selectable(true));
        });
}
