//! Files in and out: dropped and chosen files become commands, results of the engine and the pages become files.

use super::importing::is_model;
use super::typed_path::TypedPath;
use super::*;
use crate::link::{Chosen, NoFiles, Wish};
use crate::{asks, format};
use egui::Context;
use glasshouse_protocol::{
    DocumentsChange, ExportFormat, LINK_ENDING, ProposalSettings, VERIFIED_STEPS, file_kind,
};
use std::path::{Path, PathBuf};

pub const ACCEPTED: &str = "Glasshouse reads text, Markdown, web pages, JSON, CSV, Parquet, PDF, WARC, XML dumps and source code, also \
                            packed with gzip, zstd, bzip2 or zip, folders of them, its own projects (.glasshouse), and pretrained models \
                            (.gguf, or safetensors with its JSON files).";

impl App {
    /// Takes in dropped and chosen files since the last frame.
    pub(super) fn incoming(&mut self, context: &Context) {
        let dropped = context.input(|input| input.raw.dropped_files.clone());
        if !dropped.is_empty() {
            link::read_dropped(&dropped, context, &self.answers.0);
        }
        while let Ok(answer) = self.answers.1.try_recv() {
            self.answer(answer);
        }
    }

    /// Carries out the requests of the pages.
    pub(super) fn fulfil(&mut self, context: &Context) {
        match self.asks.wish.take() {
            Some(Wish::ImportModelAddress) => self.typed = Some(TypedPath::address()),
            Some(wish) => link::pick(wish, context, &self.answers.0),
            None => {}
        }
        for (name, bytes) in self.state.downloads.drain(..).chain(self.asks.save.take()) {
            if name.ends_with(LINK_ENDING) {
                context.copy_text(format!("{}#{}", link::page_address(), String::from_utf8_lossy(&bytes)));
                self.asks.show_toast("Link copied");
                continue;
            }
            link::save(&name, bytes, context, &self.answers.0);
        }
        if let Some(capture) = self.asks.capture.take() {
            let (answers, waker) = (self.answers.0.clone(), context.clone());
            context.request_screenshot(move |image| {
                let points = waker.pixels_per_point();
                match png(&image, capture.rect, points) {
                    Ok(bytes) => link::save(&capture.name, bytes, &waker, &answers),
                    Err(reason) => {
                        answers
                            .send(Answer {
                                wish: Wish::Saved { bytes: 0 },
                                files: Err(NoFiles::Failed(reason)),
                            })
                            .ok();
                    }
                }
            });
            context.request_repaint();
        }
        let put_away = std::mem::take(&mut self.asks.dismissed);
        self.state.messages.retain(|message| !put_away.contains(&message.number));
    }

    /// Carries out a request with the files chosen for it in a dialog, which asked before choosing a file that exists.
    pub fn answer(&mut self, answer: Answer) {
        let is_asked = |file: &Chosen| Path::new(&file.name).is_file();
        let keep = !answer.files.as_ref().is_ok_and(|files| files.iter().any(is_asked));
        self.carry_out(answer, keep);
    }

    /// Like [`Self::answer`]; an export fails if its target exists and `keep` is set, and its message offers to replace it.
    pub(super) fn carry_out(&mut self, answer: Answer, keep: bool) {
        let files = match answer.files {
            Ok(files) => files,
            // Let the person type a path.
            Err(NoFiles::NoDialog(reason)) => {
                self.typed = Some(TypedPath::new(answer.wish, &reason));
                return;
            }
            Err(NoFiles::Failed(reason)) => return self.state.say(Some(self.page), ErrorKind::Io, reason),
        };
        let first = files.first().map(|file| file.name.clone());
        let to = first.as_ref().map(PathBuf::from);
        match answer.wish {
            Wish::ExportProject { id, .. } => _ = self.outbox.send(Export::Project { id }.to(to, keep)),
            Wish::ExportReport { .. } => _ = self.outbox.send(Export::Report.to(to, keep)),
            Wish::WriteCard { run } => _ = self.outbox.send(Export::Card { run }.to(to, keep)),
            Wish::ExportModel { run, format } => {
                // In a folder, the run gets a subfolder.
                let to = to.map(|place| match format {
                    ExportFormat::HuggingFace { .. }
                    | ExportFormat::Peft
                    | ExportFormat::Page { space: true, .. } => place.join(&run),
                    ExportFormat::Gguf { .. } | ExportFormat::Page { .. } | ExportFormat::Link => place,
                });
                self.outbox.send(Export::Model { run, checkpoint: None, format }.to(to, keep));
            }
            Wish::ImportModel | Wish::ImportModelFile => self.look_at_model(files),
            Wish::ImportModelAddress => {
                if let Some(address) = first {
                    self.outbox.send(Command::ListModelFiles { address });
                }
            }
            Wish::ExportBundle { run } => {
                let to = to.map(|folder| folder.join(format!("{run}-bundle")));
                let (device, steps) = (None, VERIFIED_STEPS);
                self.outbox.send(Export::Bundle { run: Some(run), device, steps }.to(to, true));
            }
            Wish::ExportFeedback { one } => {
                let to = to.map(|folder| folder.join("feedback"));
                self.outbox.send(Export::Feedback { one }.to(to, true));
            }
            Wish::Propose { source, measure } => {
                if let Some(Chosen { name: from, bytes }) = files.into_iter().next() {
                    let settings = ProposalSettings { measure: Some(measure), ..ProposalSettings::default() };
                    let command = Command::Propose { source, from, settings };
                    self.outbox.send_with(command, bytes.into_iter().collect());
                }
            }
            Wish::ImportBundle => {
                if let Some(Chosen { name, bytes }) = files.into_iter().next() {
                    let from = bytes.is_none().then(|| PathBuf::from(name));
                    let command = Command::ImportBundle { from, out: None };
                    self.outbox.send_with(command, bytes.into_iter().collect());
                }
            }
            Wish::TaskFiles => self.pages.evaluate.take_tasks(files),
            Wish::SentencePairs => self.pages.evaluate.take_pairs(files),
            Wish::OpenProjectFolder => {
                if let Some(id) = first {
                    self.outbox.send(Command::OpenProject { id });
                }
            }
            Wish::Saved { bytes } => {
                if let Some(name) = first {
                    // The note shown when the picture was taken applies to the saved file, too.
                    let said = self.asks.toast.as_ref().map_or("", |toast| toast.text.as_str());
                    let more = if said == asks::IN_SIGHT { format!(". {said}") } else { String::new() };
                    self.asks.show_toast(format!("Saved as {name}, {}{more}", format::bytes(bytes)));
                }
            }
            Wish::AddDocuments | Wish::AddFolder | Wish::ImportProject | Wish::Dropped => self.take_in(files),
        }
    }

    /// Texts are added to the open project, or from Home to a new one; projects are unpacked and models imported.
    fn take_in(&mut self, files: Vec<Chosen>) {
        if files.iter().any(is_model) {
            return self.look_at_model(files);
        }
        let (mut texts, mut others, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for file in files {
            match kind(&file) {
                FileKind::Project => {
                    let (from, bytes) = match file.bytes {
                        Some(bytes) => (None, vec![bytes]),
                        None => (Some(file.name), Vec::new()),
                    };
                    self.outbox.send_with(Command::ImportProject { name: None, from }, bytes);
                    self.page = PageName::Home;
                }
                FileKind::Text => texts.push(file),
                FileKind::Refused(reason) => {
                    refused.push(format!("{} was not added. It is {reason}.", link::own_name(&file.name)));
                }
                FileKind::Other => others.push(link::own_name(&file.name)),
            }
        }
        let were = match &others[..] {
            [] => None,
            [name] => Some(format!("{name} was")),
            [first, second] => Some(format!("{first} and {second} were")),
            [first, more @ ..] => Some(format!("{first} and {} more files were", more.len())),
        };
        refused.extend(were.map(|were| format!("{were} not added. {ACCEPTED}")));
        for text in refused {
            self.state.say(Some(self.page), ErrorKind::Refused, text);
        }
        let Some(first) = texts.first() else { return };
        let creates = self.page == PageName::Home || self.state.projects.open.is_none();
        let name = Path::new(&first.name).file_stem().map(|stem| stem.display().to_string());
        // The Tune page lists its own files.
        if self.page != PageName::Tune || self.state.projects.open.is_none() {
            self.page = PageName::Data;
        }
        let (mut names, mut bytes) = (Vec::new(), Vec::new());
        for text in texts {
            names.push(text.name);
            bytes.extend(text.bytes);
        }
        let command = match creates {
            true => {
                Command::CreateProject { name: name.unwrap_or_else(|| "My texts".to_owned()), files: names }
            }
            false => DocumentsChange::Add { names }.into(),
        };
        self.outbox.send_with(command, bytes);
    }
}

enum FileKind {
    Text,
    Project,
    Refused(&'static str),
    Other,
}

/// A file's kind: by its extension, or without one by its first bytes. Natively a folder counts as texts.
fn kind(file: &Chosen) -> FileKind {
    let path = Path::new(&file.name);
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let (is_document, has_ending) =
        (link::is_document(&file.name), !matches!(ending.as_deref(), None | Some("")));
    match first_bytes(file) {
        _ if ending.as_deref() == Some("glasshouse") => FileKind::Project,
        _ if file.bytes.is_none() && path.is_dir() => FileKind::Text,
        Ok(head) if file_kind::is_private_key(&head) => FileKind::Refused(file_kind::PRIVATE_KEY),
        Ok(head) if file_kind::is_empty(&head) => FileKind::Refused("empty"),
        Ok(head) if is_document || (!has_ending && file_kind::is_read(&head)) => FileKind::Text,
        // The engine reports why a file cannot be read.
        Err(_) if is_document || !has_ending => FileKind::Text,
        _ => FileKind::Other,
    }
}

/// The first bytes of a file, to detect its kind.
fn first_bytes(file: &Chosen) -> Result<Vec<u8>, String> {
    let most = file_kind::HEAD as usize;
    let head = file.bytes.as_ref().map(|bytes| bytes[..bytes.len().min(most)].to_vec());
    link::bytes_of(Chosen { name: file.name.clone(), bytes: head }, most)
}

/// A part of a picture of the window as PNG.
fn png(image: &egui::ColorImage, rect: egui::Rect, pixels_per_point: f32) -> Result<Vec<u8>, String> {
    let whole =
        egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(image.width() as f32, image.height() as f32));
    let rect = rect.intersect(whole * (1.0 / pixels_per_point));
    if !rect.is_positive() {
        return Err("that part of the window is out of sight: scroll to it and try again".to_owned());
    }
    let part = image.region(&rect, Some(pixels_per_point));
    let [width, height] = part.size;
    let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let pixels: Vec<u8> = part.pixels.iter().flat_map(egui::Color32::to_array).collect();
    let picture = image::RgbaImage::from_raw(size(width), size(height), pixels)
        .ok_or_else(|| "the picture's size does not match its pixels".to_owned())?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(|error| format!("the picture could not be written: {error}"))?;
    Ok(bytes.into_inner())
}
