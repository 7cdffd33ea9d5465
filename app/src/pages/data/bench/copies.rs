//! Groups of duplicate documents: members, similarity, and which one was kept and why.

use super::cards::small_card;
use crate::format;
use crate::pages::Context;
use crate::pages::data::flow::counted;
use crate::pages::parts::caption;
use crate::theme::{self, Palette, space};
use crate::widgets::fold;
use egui::{Label, RichText, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::cleaning::report::{Cluster, Duplicates, Member};

/// Number of groups shown per kind, largest first.
const GROUPS: usize = 12;

pub(super) fn copies_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let state = context.state;
    let Some(report) = &state.cleaning.report else { return };
    for found in report.duplicates.iter().filter(|found| found.clusters > 0) {
        small_card(ui, |ui| kind_ui(ui, context, found));
    }
}

fn kind_ui(ui: &mut Ui, context: &mut Context<'_>, found: &Duplicates) {
    let title = format!("Groups: {}", found.title.to_lowercase());
    let name = format!("copies:{}", found.name);
    let note = format::whole(found.clusters);
    fold(ui, context.preferences, &name, (&title, &note), false, |ui, preferences| {
        caption(ui, &found.method);
        let mut line = format!("{} in {} groups", counted(found.documents), format::whole(found.clusters));
        if let Some(bytes) = found.bytes_per_document {
            line.push_str(&format!(" · {bytes} bytes of memory per document"));
        }
        caption(ui, line);
        for (number, cluster) in found.largest.iter().take(GROUPS).enumerate() {
            let name = format!("{name}:{number}");
            let title = format!("{} alike", counted(cluster.size));
            fold(ui, preferences, &name, (&title, ""), false, |ui, _| cluster_ui(ui, cluster));
        }
    });
}

fn cluster_ui(ui: &mut Ui, cluster: &Cluster) {
    ui.spacing_mut().item_spacing.y = space::TIGHT;
    for member in &cluster.members {
        member_ui(ui, member, &cluster.reason);
    }
    let left_out = cluster.size.saturating_sub(cluster.members.len() as u64);
    if left_out > 0 {
        caption(ui, format!("and {} more", format::whole(left_out)));
    }
}

fn member_ui(ui: &mut Ui, member: &Member, reason: &str) {
    let palette = Palette::of(ui);
    let (icon, colour, words) = if member.kept {
        (icons::ICON_CHECK, palette.accent, format!("kept: {reason}"))
    } else {
        let alike = format::percent(member.similarity.unwrap_or_default());
        (icons::ICON_BLOCK, palette.failure, format!("{alike} alike, {}", member.found_by))
    };
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.label(icon.rich_text().size(14.0).color(colour));
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            ui.add(Label::new(RichText::new(&member.id).text_style(theme::quiet_strong())).truncate())
                .on_hover_text(&member.id);
            caption(ui, format!("{words} · {} words", format::whole(member.words)));
            let excerpt = member.excerpt.split_whitespace().collect::<Vec<_>>().join(" ");
            let text = RichText::new(&excerpt).text_style(theme::caption());
            ui.add(Label::new(text).truncate()).on_hover_text(&excerpt);
        });
    });
}
