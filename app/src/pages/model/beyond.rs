//! Beyond this machine: a forecast of the run on many GPUs, and how to move it there.

use super::*;
use glasshouse_protocol::cluster::{ClusterPlan, GPUS};

const FOLD: &str = "model beyond";

impl ModelPage {
    pub(super) fn beyond_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, draft: &Draft) {
        let asked = (draft.config.clone(), self.beyond.clone());
        let known = context
            .state
            .planning
            .cluster
            .as_ref()
            .filter(|(config, request, _)| (config, request) == (&asked.0, &asked.1));
        let known = known.map(|(_, _, plan)| plan.clone());
        let plan = known.as_ref().and_then(|plan| plan.as_ref().ok());
        let note = plan.map_or_else(String::new, |plan| {
            format!("{} · {}", format::counted(plan.gpus as u64, "GPU"), format::duration(plan.seconds))
        });
        let too_large =
            draft.plan(context).is_some_and(|(plan, current)| current && plan.fits == Some(false));
        let request = &mut self.beyond;
        let (mut open, mut runs) = (false, false);
        card(ui, |ui| {
            fold(ui, context.preferences, FOLD, ("Beyond this machine", &note), too_large, |ui, _| {
                open = true;
                let figures_ui = |ui: &mut Ui| match &known {
                    Some(Ok(plan)) => plan_ui(ui, plan),
                    Some(Err(reason)) => hint_line(ui, reason),
                    None => caption(ui, "Estimating…"),
                };
                halves(ui, space::SECTION, |ui, column| match column {
                    0 => {
                        request_ui(ui, request, plan);
                        runs = further_ui(ui, plan);
                    }
                    _ => figures_ui(ui),
                });
            });
        });
        if runs {
            *context.go = Some(PageName::Runs);
        }
        let waits = context.state.is_waiting(|command| matches!(command, Command::PlanCluster { .. }));
        if open && known.is_none() && !waits && draft.refused.is_none() {
            let (config, request) = asked;
            context.outbox.send(Command::PlanCluster { config: Box::new(config), request });
        }
    }
}

fn request_ui(ui: &mut Ui, request: &mut ClusterRequest, plan: Option<&ClusterPlan>) {
    field(ui, "GPU", "beyond.gpu", None, |ui| {
        let before = request.gpu.clone();
        choice(ui, "GPU", &mut request.gpu, None, &GPUS.map(|gpu| (gpu.name.to_owned(), gpu.name)));
        if request.gpu != before {
            request.price = None;
        }
    });
    let mut fewest = request.gpus.is_none();
    field(ui, "GPUs", "beyond.gpus", None, |ui| {
        if ui.checkbox(&mut fewest, "the fewest").accessible_name("The fewest GPUs").changed() {
            request.gpus = if fewest { None } else { Some(plan.map_or(1, |plan| plan.gpus)) };
        }
        if let Some(gpus) = &mut request.gpus {
            ui.add(whole_number(gpus).range(1..=65_536).speed(0.1)).accessible_name("GPUs");
        }
    });
    field(ui, "Utilization", "beyond.utilization", None, |ui| {
        let share = DragValue::new(&mut request.utilization).range(0.01..=1.0).speed(0.005);
        ui.add(share.max_decimals(2)).accessible_name("Utilization");
    });
    let mut price = request.price.unwrap_or_else(|| price_of(&request.gpu));
    field(ui, "Dollars per hour", "beyond.price", None, |ui| {
        let drag = DragValue::new(&mut price).range(0.0..=1000.0).speed(0.02).max_decimals(2);
        if ui.add(drag).accessible_name("Dollars per hour").changed() {
            request.price = Some(price);
        }
    });
}

/// The plan's assumptions, and the link to a run's bundle. Returns whether that was clicked.
fn further_ui(ui: &mut Ui, plan: Option<&ClusterPlan>) -> bool {
    ui.add_space(space::SMALL);
    for assumption in plan.iter().flat_map(|plan| &plan.assumptions) {
        caption(ui, format!("• {assumption}."));
    }
    ui.add_space(space::SMALL);
    plain(ui, icons::ICON_LAN, "Export a bundle")
        .on_hover_text(
            "On the Runs page, a stopped run becomes a bundle to train on many GPUs; a run too large for the GPU here starts on the CPU",
        )
        .clicked()
}

fn price_of(gpu: &str) -> f64 {
    GPUS.iter().find(|known| known.name == gpu).map_or(0.0, |gpu| gpu.price)
}

fn plan_ui(ui: &mut Ui, plan: &ClusterPlan) {
    for Fact { name, value, exact, .. } in plan.facts() {
        stat_row(ui, &format::capitalized(&name), &value, &exact);
    }
    if !plan.fits {
        hint_line(ui, "This does not fit: use more GPUs, larger ones, or activation checkpointing.");
    }
}
