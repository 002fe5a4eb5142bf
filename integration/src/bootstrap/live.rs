//! A listener that can be replaced while Envoy runs, by Envoy's own file-based discovery.

use super::options::Options;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A discovery file, watched by Envoy.
#[derive(Debug)]
pub struct LiveListener {
    folder: tempfile::TempDir,
    version: u64,
}

impl LiveListener {
    /// Writes the first listener.
    pub fn new(options: &Options) -> Self {
        let folder = tempfile::Builder::new().prefix("lab-lds-").tempdir().expect("a temporary folder");
        let mut live = Self { folder, version: 0 };
        live.replace(options);
        live
    }

    /// A bootstrap that takes its listener from this file; `options` gives everything else.
    pub fn bootstrap(&self, options: &Options) -> Value {
        let mut bootstrap = options.frame();
        bootstrap["dynamic_resources"] = json!({"lds_config": {
            "path_config_source": {"path": self.path()}, "resource_api_version": "V3",
        }});
        bootstrap
    }

    /// Replaces the listener: the file changes in one instant, and Envoy takes it up or rejects it
    /// (`listener_manager.lds.update_success`, `.update_rejected`).
    pub fn replace(&mut self, options: &Options) {
        self.write(&[options.listener()]);
    }

    /// Removes the listener.
    pub fn remove(&mut self) {
        self.write(&[]);
    }

    fn write(&mut self, listeners: &[Value]) {
        self.version += 1;
        let typed = |listener: &Value| {
            let mut listener = listener.clone();
            listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
            listener
        };
        let resources: Vec<Value> = listeners.iter().map(typed).collect();
        let discovery = json!({"version_info": self.version.to_string(), "resources": resources});
        let draft = self.folder.path().join("draft.json");
        fs::write(&draft, discovery.to_string()).expect("the temporary folder can be written");
        // Envoy watches for a rename into place, which is also what makes the change atomic.
        fs::rename(&draft, self.path()).expect("a rename within one folder");
    }

    fn path(&self) -> PathBuf {
        Path::new(self.folder.path()).join("listeners.json")
    }
}
