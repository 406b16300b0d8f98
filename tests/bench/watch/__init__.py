"""The watcher on recordings: how often it warns where nothing happened, and how often where something did."""
