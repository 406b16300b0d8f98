"""The stage that executes an approved plan: `stage.execute` is its one public function; the rest are its parts."""
