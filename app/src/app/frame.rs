//! The frame: a rail of pages at the left, or a bar at the bottom if narrow, and the top bar, messages and page next to it.

use super::App;
use crate::pages::prelude::*;
use egui::{CentralPanel, Panel};

/// Width of the rail with titles, in points.
const RAIL: f32 = 184.0;
const CORNER: f32 = theme::CONTROL_CORNER as f32 + 2.0;
/// Width of the rail with icons only, in points.
const SLIM_RAIL: f32 = 60.0;

impl App {
    pub(super) fn frame_ui(&mut self, ui: &mut Ui) {
        let width = ui.ctx().content_rect().width();
        let palette = Palette::of(ui);
        if !self.start.embed {
            if width < theme::NARROW_WIDTH {
                let frame = Frame::new().fill(palette.panel).inner_margin(Margin::symmetric(4, 4));
                Panel::bottom("bar").frame(frame).show_separator_line(false).show(ui, |ui| self.bar_ui(ui));
            } else {
                let slim = width < theme::MEDIUM_WIDTH;
                let size = if slim { SLIM_RAIL } else { RAIL };
                let frame = Frame::new().fill(palette.panel).inner_margin(Margin::symmetric(8, 12));
                let panel = Panel::left("rail").exact_size(size).resizable(false).show_separator_line(false);
                panel.frame(frame).show(ui, |ui| self.rail_ui(ui, slim));
            }
        }
        CentralPanel::default().frame(Frame::new().fill(palette.ground)).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            if width < theme::NARROW_WIDTH {
                ui.spacing_mut().interact_size.y = theme::TOUCH;
            }
            // An embedding page itself names the model.
            if !(self.start.embed && self.page == PageName::Inspect) {
                self.top_bar_ui(ui);
                self.strip_ui(ui, true);
            } else {
                self.strip_ui(ui, false);
            }
            ui.spacing_mut().item_spacing.y = space::SMALL;
            self.page_ui(ui);
        });
        self.drop_ui(ui.ctx());
    }

    fn rail_ui(&mut self, ui: &mut Ui, slim: bool) {
        ui.spacing_mut().item_spacing.y = 2.0;
        self.project_ui(ui, slim);
        ui.add_space(space::MEDIUM);
        let entries = self.entries();
        let mut group = "";
        for page in entries.iter().copied() {
            if page.group() != group {
                group = page.group();
                ui.add_space(space::SMALL);
                if !slim {
                    ui.horizontal(|ui| {
                        ui.add_space(space::MEDIUM);
                        caption(ui, group);
                    });
                }
            }
            if page == PageName::Settings {
                let left = ui.available_height() - 44.0;
                ui.add_space(left.max(0.0));
            }
            let size = Vec2::new(ui.available_width(), 36.0);
            let response = self.entry_ui(ui, (page, &entries), size, |ui, rect, colour| {
                let font = FontId::new(20.0, page.icon().font_family());
                let place = if slim { rect.center() } else { pos2(rect.left() + 20.0, rect.center().y) };
                ui.painter().text(place, Align2::CENTER_CENTER, page.icon().codepoint, font, colour);
                if !slim {
                    let font = TextStyle::Body.resolve(ui.style());
                    let chosen = Palette::of(ui);
                    let words = if colour == chosen.quiet { chosen.quiet } else { chosen.text };
                    let place = pos2(rect.left() + 42.0, rect.center().y);
                    ui.painter().text(place, Align2::LEFT_CENTER, page.title(), font, words);
                }
            });
            let rect = response.rect;
            let place = match slim {
                true => rect.right_top() + Vec2::new(-9.0, 9.0),
                false => rect.right_center() - Vec2::new(14.0, 0.0),
            };
            self.dot_ui(ui, page, place);
            if slim {
                response.on_hover_text(page.title());
            }
        }
    }

    /// The logo and the open project's name.
    fn project_ui(&mut self, ui: &mut Ui, slim: bool) {
        let palette = Palette::of(ui);
        // By keyboard, Home leads there.
        let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 40.0), Sense::CLICK);
        let centre = if slim { rect.center() } else { pos2(rect.left() + 20.0, rect.center().y) };
        let size = 9.0;
        let corners = [Vec2::DOWN, Vec2::RIGHT, Vec2::UP, Vec2::LEFT];
        let diamond = corners.iter().map(|corner| centre + *corner * size).collect();
        let stroke = Stroke::new(2.0, palette.accent);
        ui.painter().add(Shape::closed_line(diamond, stroke));
        ui.painter().circle_filled(centre, 2.5, palette.accent);
        let open = self.state.projects.open.as_ref();
        let name = open.map_or("Glasshouse", |open| open.summary.name.as_str());
        if !slim {
            let font = theme::strong().resolve(ui.style());
            let galley = elided(ui.painter(), name, font, palette.text, rect.width() - 48.0);
            let place = pos2(rect.left() + 42.0, rect.center().y - galley.size().y / 2.0);
            ui.painter().galley(place, galley, palette.text);
        }
        let label = format!("Project {name}");
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
        if response.on_hover_text(name).clicked() {
            self.page = PageName::Home;
        }
    }

    /// Two lines of pages: in one, the buttons would be too small for fingers and titles.
    fn bar_ui(&mut self, ui: &mut Ui) {
        ui.spacing_mut().item_spacing = Vec2::ZERO;
        let entries = self.entries();
        let columns = entries.len().div_ceil(2);
        let width = ui.available_width() / columns as f32;
        for line in entries.chunks(columns) {
            ui.horizontal(|ui| {
                for page in line.iter().copied() {
                    let (entry, size) = ((page, entries.as_slice()), Vec2::new(width, 42.0));
                    let response = self.entry_ui(ui, entry, size, |ui, rect, colour| {
                        let font = FontId::new(20.0, page.icon().font_family());
                        let place = rect.center() - Vec2::new(0.0, 7.0);
                        ui.painter().text(place, Align2::CENTER_CENTER, page.icon().codepoint, font, colour);
                        let place = rect.center_bottom() - Vec2::new(0.0, 2.0);
                        let font = FontId::proportional(11.0);
                        ui.painter().text(place, Align2::CENTER_BOTTOM, page.title(), font, colour);
                    });
                    self.dot_ui(ui, page, response.rect.center() + Vec2::new(13.0, -14.0));
                }
            });
        }
    }

    /// The pages of the rail that have something to show, and the open one.
    pub(super) fn entries(&self) -> Vec<PageName> {
        let is_shown = |page: &PageName| page.is_useful(&self.state) || self.page.entry() == *page;
        PageName::entries().filter(is_shown).collect()
    }

    /// The button of one of the entries. All together are one stop of the Tab key: arrow keys move between them, Enter opens one.
    fn entry_ui(
        &mut self,
        ui: &mut Ui,
        (page, entries): (PageName, &[PageName]),
        size: Vec2,
        draw: impl FnOnce(&mut Ui, Rect, Color32),
    ) -> Response {
        let palette = Palette::of(ui);
        let open = self.page.entry() == page;
        let is_stop = self.rail.map_or(open, |(stop, _)| stop == page);
        let sense = if is_stop { Sense::click() } else { Sense::CLICK };
        let (rect, response) = ui.allocate_exact_size(size, sense);
        let arrives = self.rail == Some((page, true));
        if arrives {
            self.rail = Some((page, false));
            response.request_focus();
        } else if self.rail == Some((page, false)) && !response.has_focus() {
            self.rail = None;
        }
        let [right, down] = arrow_keys(ui, &response, [true, true]);
        let line = if is_narrow(ui) { entries.len().div_ceil(2) as isize } else { 1 };
        let place = entries.iter().position(|other| *other == page).unwrap_or_default();
        // The key that led here leads no further.
        let moves = !arrives && (right != 0 || down != 0);
        let next = place.checked_add_signed(right + down * line).filter(|_| moves);
        if let Some(next) = next.and_then(|next| entries.get(next)) {
            self.rail = Some((*next, true));
            ui.ctx().request_repaint();
        }
        if open {
            ui.painter().rect_filled(rect, CORNER, palette.chosen());
        } else if response.hovered() {
            ui.painter().rect_filled(rect, CORNER, palette.raised);
        }
        focus_ring(ui, &response, CORNER);
        draw(ui, rect, if open { palette.accent } else { palette.quiet });
        response.widget_info(|| WidgetInfo::selected(Role::Tab, true, open, page.title()));
        if response.clicked() {
            self.page = page;
        }
        response
    }

    fn dot_ui(&self, ui: &Ui, entry: PageName, place: Pos2) {
        if let Some(dot) = entry.tabs().find_map(|page| self.pages.get(page).dot(&self.state)) {
            let palette = Palette::of(ui);
            let colour = if dot == Dot::Running { palette.accent } else { palette.warning };
            ui.painter().circle_filled(place, 3.5, colour);
        }
    }

    /// A message about files hovering over the window.
    fn drop_ui(&self, context: &egui::Context) {
        if context.input(|input| input.raw.hovered_files.is_empty()) {
            return;
        }
        let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop"));
        let painter = context.layer_painter(layer);
        let palette = if context.theme() == egui::Theme::Dark { &theme::DARK } else { &theme::LIGHT };
        let rect = context.content_rect();
        painter.rect_filled(rect, 0.0, palette.ground.gamma_multiply(0.85));
        widgets::dashed_frame(&painter, rect.shrink(space::SECTION), Stroke::new(2.0, palette.accent));
        let text = match self.page {
            PageName::Home => "Drop files to create a project from them, or a .glasshouse file to open it",
            _ => "Drop files to add them to this project, or a .glasshouse file to open it",
        };
        let style = context.global_style();
        let font = theme::section().resolve(&style);
        painter.text(rect.center(), Align2::CENTER_CENTER, text, font, palette.text);
    }

    /// The page's title, and the question mark that shows its introduction again.
    pub(super) fn page_title_ui(&mut self, ui: &mut Ui) {
        let style = if is_narrow(ui) { theme::section() } else { theme::title() };
        ui.label(RichText::new(self.page.entry().title()).text_style(style));
        let name = format!("what:{}", self.page.key());
        if !is_open(&self.preferences, &name, true)
            && widgets::icon_button(ui, icons::ICON_HELP, "What is this?").clicked()
        {
            self.preferences.folds.insert(name, true);
        }
    }
}
