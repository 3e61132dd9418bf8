"""What lab 1 promises, and how a run is judged. One module per kind of promise; situations beside them."""
