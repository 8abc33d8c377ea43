"""What all HTTP features share: errors as answers, request ids, the API's own documentation page."""
