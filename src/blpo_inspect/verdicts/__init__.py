"""What a judge says of pictures that nobody labelled, as a table: a row a picture."""
