//! The interface as DOM elements next to the canvas, for screen readers and for scripts that find elements by name.
//!
//! egui reports its accessibility tree every frame; [`Mirror`] translates it to ARIA roles, names and values, and returns the
//! changes since the last frame. The boot script (`web/mirror.js`) updates the elements accordingly, and passes actions on them
//! to [`Mirror::act`].

use egui::accesskit::{Action, ActionData, ActionRequest, Node, NodeId, Role, Toggled, TreeId, TreeUpdate};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// An element in the terms of WAI-ARIA 1.2.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Element {
    /// The role; "text" for text, "group" for containers.
    pub role: &'static str,
    /// Accessible name, or the content of a text.
    pub name: String,
    /// A field's text, or a number as displayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub multiline: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// A number's value, minimum and maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<[Option<f64>; 3]>,
    /// Pressed, checked or selected: "true", "false" or "mixed".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toggled: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expanded: Option<bool>,
    #[serde(skip_serializing_if = "is_false")]
    pub disabled: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub clickable: bool,
    /// Left, top, width and height on the page.
    pub place: [i32; 4],
    /// Ids of the children in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<String>,
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// Changes since the last frame. Elements are identified by their node numbers.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Change {
    /// Elements without a parent, in order.
    pub top: Vec<String>,
    /// New and modified elements.
    pub changed: BTreeMap<String, Element>,
    pub gone: Vec<String>,
    pub focus: Option<String>,
}

#[derive(Debug, Default)]
pub struct Mirror {
    top: Vec<String>,
    elements: BTreeMap<String, Element>,
    focus: Option<String>,
}

impl Mirror {
    /// Applies a frame's tree, drawn at `scale` pixels per point, and returns the changes; `None` if there are none.
    pub fn take(&mut self, update: &TreeUpdate, scale: f32) -> Option<Change> {
        let nodes: HashMap<NodeId, &Node> = update.nodes.iter().map(|(id, node)| (*id, node)).collect();
        let root = update.tree.as_ref().map(|tree| tree.root)?;
        let mut seen = Seen { nodes, scale, elements: BTreeMap::new() };
        let top = seen.children(root);
        let focus = Some(name_of(update.focus)).filter(|focus| seen.elements.contains_key(focus));
        let gone: Vec<String> =
            self.elements.keys().filter(|id| !seen.elements.contains_key(*id)).cloned().collect();
        let is_new = |(id, element): &(&String, &Element)| self.elements.get(*id) != Some(*element);
        let changed: BTreeMap<String, Element> =
            seen.elements.iter().filter(is_new).map(|(id, element)| (id.clone(), element.clone())).collect();
        let same = changed.is_empty() && gone.is_empty() && top == self.top && focus == self.focus;
        self.elements = seen.elements;
        self.top.clone_from(&top);
        self.focus.clone_from(&focus);
        (!same).then_some(Change { top, changed, gone, focus })
    }

    /// Translates an action on an element for egui: `click`, `focus`, `increment`, `decrement`, or `set_value` with a text or a
    /// number. `None` for unknown elements and actions.
    pub fn act(&self, element: &str, action: &str, value: Option<String>) -> Option<ActionRequest> {
        let shown = self.elements.get(element)?;
        let action = match action {
            "click" => Action::Click,
            "focus" => Action::Focus,
            "increment" => Action::Increment,
            "decrement" => Action::Decrement,
            "set_value" => Action::SetValue,
            _ => return None,
        };
        let data = match (shown.number, value) {
            (_, None) => None,
            (Some(_), Some(value)) => Some(ActionData::NumericValue(value.trim().parse().ok()?)),
            (None, Some(value)) => Some(ActionData::Value(value.into())),
        };
        let target_node = NodeId(element.parse().ok()?);
        Some(ActionRequest { action, target_tree: TreeId::ROOT, target_node, data })
    }
}

/// A string, because JavaScript numbers are not exact beyond 2⁵³.
fn name_of(id: NodeId) -> String {
    id.0.to_string()
}

/// Conversion of a frame's tree to elements.
struct Seen<'tree> {
    nodes: HashMap<NodeId, &'tree Node>,
    scale: f32,
    elements: BTreeMap<String, Element>,
}

impl Seen<'_> {
    /// The elements for a node's children. Nodes without meaning of their own are replaced by their children.
    fn children(&mut self, node: NodeId) -> Vec<String> {
        let Some(node) = self.nodes.get(&node).copied() else { return Vec::new() };
        let mut found = Vec::new();
        for child in node.children() {
            let Some(inner) = self.nodes.get(child).copied() else { continue };
            if inner.role() == Role::TextRun {
                continue;
            }
            let inside = self.children(*child);
            match self.element(inner) {
                Some(element) => {
                    let id = name_of(*child);
                    self.elements.insert(id.clone(), Element { children: inside, ..element });
                    found.push(id);
                }
                None => found.extend(inside),
            }
        }
        found
    }

    fn element(&self, node: &Node) -> Option<Element> {
        let clickable = node.supports_action(Action::Click);
        let name = self.name(node);
        let role = match role_of(node.role()) {
            Some(role) => role,
            // A node without a role is kept if it has a name.
            None if name.is_empty() => return None,
            None if clickable => "button",
            None => "group",
        };
        let is_field = role == "textbox";
        let is_number = matches!(role, "slider" | "spinbutton" | "progressbar" | "meter");
        if role == "text" && name.is_empty() {
            return None;
        }
        let value = node
            .value()
            .filter(|_| role != "text")
            .map(|text| if is_field { text.to_owned() } else { words(text) });
        let toggled = node.toggled().map(|toggled| match toggled {
            Toggled::True => "true",
            Toggled::False => "false",
            Toggled::Mixed => "mixed",
        });
        let toggled = toggled.or_else(|| Some(if node.is_selected()? { "true" } else { "false" }));
        Some(Element {
            role,
            name,
            value,
            description: node.description().map(words),
            multiline: node.role() == Role::MultilineTextInput,
            placeholder: node.placeholder().map(str::to_owned),
            number: is_number
                .then(|| [node.numeric_value(), node.min_numeric_value(), node.max_numeric_value()]),
            toggled,
            expanded: node.is_expanded(),
            disabled: node.is_disabled(),
            clickable,
            place: self.place(node),
            children: Vec::new(),
        })
    }

    /// A node's name: its label, the nodes that label it, or its text.
    fn name(&self, node: &Node) -> String {
        let own = node.label().or_else(|| node.value().filter(|_| node.role() == Role::Label));
        let own = own.map(words).filter(|name| !name.is_empty());
        own.unwrap_or_else(|| {
            let labels = node.labelled_by().iter().filter_map(|id| self.nodes.get(id).copied());
            let texts: Vec<String> =
                labels.filter_map(|label| label.value().or_else(|| label.label()).map(words)).collect();
            texts.join(" ")
        })
    }

    fn place(&self, node: &Node) -> [i32; 4] {
        let Some(bounds) = node.bounds() else { return [0; 4] };
        let pixels = |points: f64| (points * f64::from(self.scale)).round() as i32;
        let (left, top) = (pixels(bounds.x0), pixels(bounds.y0));
        [left, top, (pixels(bounds.x1) - left).max(1), (pixels(bounds.y1) - top).max(1)]
    }
}

/// A text without icon-font characters, which cannot be read aloud.
fn words(text: &str) -> String {
    let is_icon = |letter: char| matches!(u32::from(letter), 0xE000..=0xF8FF | 0xF_0000..);
    text.chars().filter(|letter| !is_icon(*letter)).collect::<String>().trim().to_owned()
}

/// The ARIA name of a role; `None` for pure layout.
fn role_of(role: Role) -> Option<&'static str> {
    Some(match role {
        Role::Label | Role::Paragraph => "text",
        Role::Heading => "heading",
        Role::Button | Role::DefaultButton | Role::DisclosureTriangle | Role::ColorWell => "button",
        Role::CheckBox => "checkbox",
        Role::Switch => "switch",
        Role::RadioButton => "radio",
        Role::Link => "link",
        Role::Tab => "tab",
        Role::TextInput | Role::MultilineTextInput | Role::SearchInput | Role::PasswordInput => "textbox",
        Role::Slider => "slider",
        Role::SpinButton => "spinbutton",
        Role::ComboBox => "combobox",
        Role::ListBox => "listbox",
        Role::ListBoxOption => "option",
        Role::MenuItem => "menuitem",
        Role::ProgressIndicator => "progressbar",
        Role::Meter => "meter",
        Role::Image => "img",
        Role::Figure => "figure",
        Role::List => "list",
        Role::ListItem => "listitem",
        Role::Table => "table",
        Role::Row => "row",
        Role::ColumnHeader => "columnheader",
        Role::Cell => "cell",
        Role::Alert => "alert",
        Role::Status => "status",
        Role::Tooltip => "tooltip",
        Role::Menu => "menu",
        Role::Dialog | Role::AlertDialog => "dialog",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{Context, Event, RawInput};

    /// The accessibility tree of one frame of `draw`.
    fn frame(context: &Context, events: Vec<Event>, draw: impl FnMut(&mut egui::Ui)) -> TreeUpdate {
        context.enable_accesskit();
        let input = RawInput { events, ..RawInput::default() };
        context.run_ui(input, draw).platform_output.accesskit_update.unwrap()
    }

    fn find<'mirror>(mirror: &'mirror Mirror, role: &str, name: &str) -> (&'mirror String, &'mirror Element) {
        let mut all = mirror.elements.iter();
        let found = all.find(|(_, element)| element.role == role && element.name == name);
        found.unwrap_or_else(|| panic!("no {role} {name:?} in {:#?}", mirror.elements))
    }

    struct Made {
        text: String,
        number: f32,
        agreed: bool,
        pressed: usize,
    }

    fn form(ui: &mut egui::Ui, made: &mut Made) {
        let label = ui.label("Your name");
        ui.text_edit_singleline(&mut made.text).labelled_by(label.id);
        ui.add(egui::Slider::new(&mut made.number, 0.0..=10.0).text("Heat"));
        ui.checkbox(&mut made.agreed, "Agreed");
        if ui.button("\u{e5cd} Close").clicked() {
            made.pressed += 1;
        }
        let more = ui.button("More");
        ui.ctx().accesskit_node_builder(more.id, |node| node.set_description("3 runs"));
        egui::CollapsingHeader::new("Details").show(ui, |_| ());
        ui.label("\u{e5cd}");
        ui.add_enabled(false, egui::Button::new("Later"));
    }

    #[test]
    fn controls_values_and_texts_are_elements_and_can_be_used() {
        let context = Context::default();
        let mut made = Made { text: "Ada".to_owned(), number: 3.0, agreed: true, pressed: 0 };
        let mut mirror = Mirror::default();
        let update = frame(&context, Vec::new(), |ui| form(ui, &mut made));
        let change = mirror.take(&update, 2.0).unwrap();
        assert_eq!(change.changed.len(), mirror.elements.len());
        let (field, element) = find(&mirror, "textbox", "Your name");
        assert_eq!((element.value.as_deref(), element.multiline), (Some("Ada"), false));
        assert!(element.place[2] > 1 && element.place[3] > 1);
        let (slider, element) = find(&mirror, "slider", "Heat");
        assert_eq!(element.number, Some([Some(3.0), Some(0.0), Some(10.0)]));
        let (_, element) = find(&mirror, "checkbox", "Agreed");
        assert_eq!(element.toggled, Some("true"));
        assert!(find(&mirror, "button", "Later").1.disabled);
        let (button, element) = find(&mirror, "button", "Close");
        assert!(element.clickable && element.description.is_none());
        assert_eq!(find(&mirror, "button", "More").1.description.as_deref(), Some("3 runs"));
        let (_, element) = find(&mirror, "button", "Details");
        assert_eq!((element.expanded, element.toggled), (Some(false), None));
        assert!(mirror.elements.values().all(|element| element.role != "text" || !element.name.is_empty()));

        let acts = [
            mirror.act(field, "set_value", Some("Grace".to_owned())),
            mirror.act(slider, "set_value", Some("7".to_owned())),
            mirror.act(button, "click", None),
            mirror.act(field, "focus", None),
        ];
        let field = field.clone();
        assert_eq!(mirror.act("1", "click", None), None);
        assert_eq!(mirror.act(&field, "explode", None), None);
        let events = acts.map(|act| Event::AccessKitActionRequest(act.unwrap()));
        frame(&context, events.into(), |ui| form(ui, &mut made));
        let update = frame(&context, Vec::new(), |ui| form(ui, &mut made));
        assert_eq!((made.text.as_str(), made.number, made.pressed), ("Grace", 7.0, 1));
        let change = mirror.take(&update, 2.0).unwrap();
        assert_eq!(change.focus, Some(field));
        assert_eq!(find(&mirror, "textbox", "Your name").1.value.as_deref(), Some("Grace"));
    }

    #[test]
    fn what_stays_the_same_is_not_told_again_and_what_goes_is() {
        let context = Context::default();
        let mut mirror = Mirror::default();
        let both = |ui: &mut egui::Ui| {
            ui.label("Stays");
            ui.label("Goes");
        };
        mirror.take(&frame(&context, Vec::new(), both), 1.0).unwrap();
        assert_eq!(mirror.take(&frame(&context, Vec::new(), both), 1.0), None);
        let goes = find(&mirror, "text", "Goes").0.clone();
        let update = frame(&context, Vec::new(), |ui| drop(ui.label("Stays")));
        let change = mirror.take(&update, 1.0).unwrap();
        assert_eq!(change.gone, [goes]);
        assert!(change.changed.is_empty(), "{change:?}");
    }
}
