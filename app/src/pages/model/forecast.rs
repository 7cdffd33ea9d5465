//! Forecast of a run: memory on the device, time, compute.

use super::*;

impl ModelPage {
    pub(super) fn forecast_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, draft: &Draft) {
        self.memory_ui(ui, context, draft);
        time_ui(ui, context, draft);
    }

    fn memory_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, draft: &Draft) {
        let state = context.state;
        card(ui, |ui| {
            let plan = draft.plan(context);
            let total =
                plan.map_or_else(|| format::NOTHING.to_owned(), |(plan, _)| format::bytes(plan.bytes));
            let current = plan.is_some_and(|(_, current)| current);
            head(ui, "Memory");
            let colour = if current { context.palette.text } else { context.palette.quiet };
            ui.label(RichText::new(total).text_style(theme::title()).color(colour));
            let device = state.engine.as_ref().map(|engine| &engine.device);
            let limit = device.and_then(|device| device.memory);
            let kinds = plan.iter().flat_map(|(plan, _)| plan.bytes_by_kind.iter()).enumerate();
            let parts = kinds.map(|(place, (kind, bytes))| {
                Segment::part(context.palette, place, kind.name().to_owned(), *bytes)
            });
            segment_bar(ui, "Memory", &parts.collect::<Vec<_>>(), limit);
            let name = device.map_or("the device", |device| device.name.as_str());
            match (plan, limit) {
                (Some((plan, _)), Some(limit)) => {
                    let share = format::percent(plan.bytes as f64 / limit.max(1) as f64);
                    caption(ui, format!("{share} of {} on {name}", format::bytes(limit)));
                }
                (Some(_), None) => caption(ui, format!("{name} does not report its memory size.")),
                (None, _) => caption(ui, "Estimating…"),
            }
            if let Some((plan, _)) = plan {
                if plan.fits == Some(false) {
                    hint_line(ui, "This does not fit the device. Reduce it, or press Fit to my device.");
                } else if let Some(binding) =
                    device.and_then(|device| device.binding).filter(|most| plan.largest_binding > *most)
                {
                    let limit = format::bytes(binding);
                    hint_line(ui, &format!("A buffer exceeds the device's limit of {limit} per binding."));
                }
            }
            ui.add_space(space::TIGHT);
            self.fit_ui(ui, context, draft);
        });
    }

    fn fit_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, draft: &Draft) {
        let state = context.state;
        let fitting = state.is_waiting(|command| matches!(command, Command::Fit(Fit::ToDevice { .. })));
        let ready = !fitting && draft.refused.is_none();
        if pressed(ui, ready, |ui| plain(ui, icons::ICON_FIT_SCREEN, "Fit to my device")) {
            context.outbox.send(Fit::ToDevice { config: Box::new(draft.config.clone()) });
        }
        let Some(answer::Fitted { config: fitted, changes }) = &state.planning.fitted else { return };
        // Settings changed since are no longer the fitted ones.
        if changes.is_empty() {
            if **fitted == draft.config {
                caption(ui, "It already fits.");
            }
            return;
        }
        if **fitted == draft.config {
            return caption(ui, "Fitted.");
        }
        quiet_text(ui, "It fits with these changes:");
        for change in changes {
            ui.label(format!("• {change}"));
        }
        if primary(ui, None, "Apply").clicked() {
            context.draft.clone_from(fitted);
            context.asks.replaced("The settings were fitted to the device");
        }
    }
}

fn time_ui(ui: &mut Ui, context: &mut Context<'_>, draft: &Draft) {
    let state = context.state;
    card(ui, |ui| {
        let plan = draft.plan(context);
        let measured = state.planning.measured.as_ref();
        let exact = measured.filter(|(config, _)| config.as_ref() == Some(&draft.config));
        let exact = exact.map(|(_, speed)| speed);
        let seconds =
            exact.map(|measured| measured.run_seconds).or(plan.and_then(|(plan, _)| plan.run_seconds));
        head(ui, "Time of the run");
        let current = exact.is_some() || plan.is_some_and(|(_, current)| current);
        let colour = if current { context.palette.text } else { context.palette.quiet };
        let text = seconds.map_or_else(|| format::NOTHING.to_owned(), format::duration);
        ui.label(RichText::new(text).text_style(theme::title()).color(colour));
        ui.spacing_mut().item_spacing.y = 2.0;
        if let Some((plan, _)) = plan {
            facts_ui(ui, &plan.work(&draft.config));
        }
        if let Some(measured) = exact {
            stat_row(ui, "Step", &format::milliseconds(measured.ms_per_step), "");
            stat_row(ui, "Speed", &format::tokens_per_second(measured.tokens_per_s), "");
            stat_row(ui, "FLOPs per second", &format::flops(measured.flops_per_s), "");
        }
        for sentence in plan.iter().flat_map(|(plan, _)| &plan.proportions) {
            hint_line(ui, sentence);
        }
        ui.add_space(space::SMALL);
        let measuring = state.is_waiting(|command| matches!(command, Command::Measure { .. }));
        let training = state.training.state != TrainingState::Idle;
        let ready = !measuring && !training && draft.refused.is_none();
        if pressed(ui, ready, |ui| plain(ui, icons::ICON_SPEED, "Measure speed")) {
            context.outbox.send(Command::Measure { config: Box::new(draft.config.clone()) });
        }
        let line = match (measuring, exact, plan) {
            _ if training => "A run is training; measure the device after it has ended.".to_owned(),
            (true, ..) => "Training on random tokens for two seconds…".to_owned(),
            (_, Some(measured), _) => format!("Measured with these settings on {}.", measured.device),
            (_, None, Some((plan, _))) => format!("Scaled by FLOPs from {}.", plan.speed_from.title()),
            (_, None, None) => "Estimating…".to_owned(),
        };
        caption(ui, line);
    });
}
